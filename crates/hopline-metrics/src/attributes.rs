//! Attribute sets as a series stores them: hashed and compared with borrowed attributes, without allocating.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use hopline_core::Attr;
use hopline_core::export::ValueRef;

/// The attributes of a series, in the order in which they were first given.
#[derive(Clone, PartialEq)]
pub(crate) struct Attributes(Box<[(Box<str>, Scalar)]>);

/// An attribute value of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Box<str>),
}

/// Attributes on their way in, less those that a view drops.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) attrs: &'a [Attr<'a>],
    pub(crate) dropped: &'a [Box<str>],
}

impl<'a> Given<'a> {
    /// Keys with scalar values. Arrays and absent values are no part of a series.
    #[inline]
    fn pairs(self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> {
        let kept = move |key: &str| !self.dropped.iter().any(|dropped| **dropped == *key);
        let scalars = self
            .attrs
            .iter()
            .filter_map(|attr| Some((attr.key(), attr.scalar()?)));
        scalars.filter(move |(key, _)| kept(key))
    }

    /// A hash that does not depend on the order of the attributes.
    #[inline]
    pub(crate) fn hash(self, state: &impl BuildHasher) -> u64 {
        self.pairs()
            .fold(0, |sum, pair| sum.wrapping_add(hash_pair(state, pair)))
    }

    /// The set to be stored. Of attributes with one key, the last counts.
    pub(crate) fn store(self) -> Attributes {
        let mut stored: Vec<(Box<str>, Scalar)> = Vec::new();
        for (key, value) in self.pairs() {
            let Some(value) = Scalar::from_ref(value) else {
                continue;
            };
            match stored.iter_mut().find(|(known, _)| **known == *key) {
                Some(known) => known.1 = value,
                None => stored.push((key.into(), value)),
            }
        }
        Attributes(stored.into())
    }
}

#[inline]
fn hash_pair(state: &impl BuildHasher, (key, value): (&str, ValueRef<'_>)) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(key.as_bytes());
    match value {
        ValueRef::Bool(value) => hasher.write_u8(value.into()),
        ValueRef::I64(value) => hasher.write_u64(value as u64),
        ValueRef::F64(value) => hasher.write_u64(value.to_bits()),
        ValueRef::Str(value) => hasher.write(value.as_bytes()),
        _ => {}
    }
    hasher.finish()
}

impl Attributes {
    /// The one attribute of the series that takes measurements beyond the limit, as OpenTelemetry names it.
    pub(crate) fn overflow() -> Self {
        Self(Box::new([(
            "otel.metric.overflow".into(),
            Scalar::Bool(true),
        )]))
    }

    /// True if these are the attributes given, in any order.
    #[inline]
    pub(crate) fn are(&self, given: Given<'_>) -> bool {
        let mut count = 0;
        for (at, (key, value)) in given.pairs().enumerate() {
            // mostly they are in the same order
            let here = self
                .0
                .get(at)
                .is_some_and(|(known, known_value)| **known == *key && known_value.is(value));
            if !here && !self.holds(key, value) {
                return false;
            }
            count += 1;
        }
        count == self.0.len()
    }

    fn holds(&self, key: &str, value: ValueRef<'_>) -> bool {
        self.0
            .iter()
            .any(|(known, known_value)| **known == *key && known_value.is(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Scalar {
    fn from_ref(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::I64(value) => Self::I64(value),
            ValueRef::F64(value) => Self::F64(value),
            ValueRef::Str(value) => Self::Text(value.into()),
            _ => return None,
        })
    }

    #[inline]
    fn is(&self, other: ValueRef<'_>) -> bool {
        match (self, other) {
            (Self::Bool(value), ValueRef::Bool(other)) => *value == other,
            (Self::I64(value), ValueRef::I64(other)) => *value == other,
            (Self::F64(value), ValueRef::F64(other)) => value.to_bits() == other.to_bits(),
            (Self::Text(value), ValueRef::Str(other)) => **value == *other,
            _ => false,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::I64(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

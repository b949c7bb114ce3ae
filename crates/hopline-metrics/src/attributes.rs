//! Attribute sets as a series stores them: hashed and compared with borrowed attributes, without allocating.
//! A table finds a series with them at each measurement; both exporters read the stored ones.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use hopline_core::Attr;
use hopline_core::export::ValueRef;

/// The attributes of a series, in the order in which they were first given.
///
/// A boxed slice, not a map: sets have up to about ten attributes, which are compared faster in order than looked up. Keys
/// are not sorted, because an edge gives its attributes in the same order each time.
///
/// The attribute sets of an instrument are limited by its table; the length of a value is limited by the edge that gives it.
#[derive(Clone, PartialEq)]
pub(crate) struct Attributes(Box<[(Box<str>, Scalar)]>);

/// An attribute value of a series.
///
/// Owned, as a series lives longer than the request that made it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    I64(i64),
    /// Compared by its bits, so that `NaN` equals itself and makes one series only.
    F64(f64),
    Text(Box<str>),
}

/// Attributes on their way in, less those that a view drops.
///
/// Borrowed for one measurement: it is hashed and compared in place, and copied only if it makes a series.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// As the edge gave them.
    pub(crate) attrs: &'a [Attr<'a>],
    /// Keys that the view of the instrument drops.
    pub(crate) dropped: &'a [Box<str>],
}

impl<'a> Given<'a> {
    /// Keys with scalar values. Arrays and absent values are no part of a series.
    ///
    /// Hashing and comparing both use it, so that a dropped attribute counts in neither.
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
    ///
    /// The sum of the hashes of the pairs. Addition, not exclusive or: a pair that is given twice would cancel itself.
    ///
    /// Two sets with the same pairs have the same hash. The reverse is not assumed: the table compares the pairs too.
    #[inline]
    pub(crate) fn hash(self, state: &impl BuildHasher) -> u64 {
        self.pairs()
            .fold(0, |sum, pair| sum.wrapping_add(hash_pair(state, pair)))
    }

    /// The set to be stored. Of attributes with one key, the last counts.
    ///
    /// Allocates; it runs once for each series.
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

/// Hashes a value with the length of its key. The hasher has a random seed, so that callers cannot choose values that collide.
///
/// Of the key only the length: an instrument has few keys, `are` compares them, and hashing their text would cost as much as
/// the rest of a measurement.
///
/// An array adds its key only; `pairs` has removed it before.
///
/// The type is not hashed: `are` compares it, and values of two types under one key are rare.
#[inline]
fn hash_pair(state: &impl BuildHasher, (key, value): (&str, ValueRef<'_>)) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_usize(key.len());
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
    ///
    /// [OpenTelemetry's SDK specification](https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute) defines it.
    pub(crate) fn overflow() -> Self {
        Self(Box::new([(
            "otel.metric.overflow".into(),
            Scalar::Bool(true),
        )]))
    }

    /// True if these are the attributes given, in any order.
    ///
    /// Compares position by position, and searches the set only where an attribute is not at its usual place.
    ///
    /// Counts the pairs, so that a subset of the stored ones is another series.
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

    /// Returns true if the set has this pair at any position.
    fn holds(&self, key: &str, value: ValueRef<'_>) -> bool {
        self.0
            .iter()
            .any(|(known, known_value)| **known == *key && known_value.is(value))
    }

    /// Returns the pairs in stored order.
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
    /// Copies a scalar; `None` for an array.
    fn from_ref(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::I64(value) => Self::I64(value),
            ValueRef::F64(value) => Self::F64(value),
            ValueRef::Str(value) => Self::Text(value.into()),
            _ => return None,
        })
    }

    /// Returns true for the same type and value. 1 and "1" are two series.
    ///
    /// Integers and floats are not converted, so 1 and 1.0 are two series as well.
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

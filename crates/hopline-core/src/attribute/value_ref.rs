//! Recorded values as exporters read them from finished spans, without a copy.

use std::fmt;

use crate::attribute::owned::OwnedValue;
use crate::attribute::table::{AttrRecord, RecordedValue};

/// A recorded value, borrowed from the batch of its span.
///
/// # Examples
///
/// ```
/// use hopline_core::export::{OwnedValue, ValueRef};
///
/// let value = ValueRef::Str("cart");
/// assert_eq!(value.to_owned_value(), OwnedValue::Text("cart".to_owned()));
/// assert_eq!(value.to_string(), "cart");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the types of attributes, each of which readers handle"
)]
pub enum ValueRef<'a> {
    /// A boolean.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Str(&'a str),
    /// Several values of one type.
    Array(ArrayRef<'a>),
}

impl ValueRef<'_> {
    /// Copies the value.
    pub fn to_owned_value(self) -> OwnedValue {
        match self {
            Self::Bool(value) => OwnedValue::Bool(value),
            Self::I64(value) => OwnedValue::I64(value),
            Self::F64(value) => OwnedValue::F64(value),
            Self::Str(value) => OwnedValue::Text(value.to_owned()),
            Self::Array(values) => {
                OwnedValue::Array(values.iter().map(ValueRef::to_owned_value).collect())
            }
        }
    }
}

impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_owned_value().fmt(f)
    }
}

/// A recorded array of values of one type.
///
/// # Examples
///
/// ```
/// use hopline_core::AttrSet;
/// use hopline_core::attr;
/// use hopline_core::export::ValueRef;
///
/// let set: AttrSet = [attr("ports", &[80_i64, 443][..])].into_iter().collect();
/// let (_, value) = set.iter().next().unwrap();
/// let ValueRef::Array(ports) = value else { panic!("{value:?}") };
/// assert_eq!(ports.len(), 2);
/// assert_eq!(ports.iter().next(), Some(ValueRef::I64(80)));
/// ```
#[derive(Clone, Copy)]
pub struct ArrayRef<'a> {
    values: &'a [AttrRecord],
    text: &'a str,
}

impl<'a> ArrayRef<'a> {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in order; none of them is an array.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let text = self.text;
        self.values.iter().map(move |record| record.read(&[], text))
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl AttrRecord {
    /// Reads the value; `values` are the records of an array.
    #[inline]
    pub(crate) fn read<'a>(&self, values: &'a [Self], text: &'a str) -> ValueRef<'a> {
        match self.value {
            RecordedValue::Bool(value) => ValueRef::Bool(value != 0),
            RecordedValue::I64(value) => ValueRef::I64(value),
            RecordedValue::F64(value) => ValueRef::F64(value),
            RecordedValue::Text(value) => ValueRef::Str(value.read(text)),
            RecordedValue::Array(_) => ValueRef::Array(ArrayRef { values, text }),
        }
    }
}

//! OTLP's `AnyValue` as a borrowed value: one type for the encoders.
//!
//! Attributes of spans are borrowed from a batch's records, attributes of a resource from the values that it owns.
//! Both become [`Any`], so `encode.rs` and `json.rs` write each kind of value in one place.

use hopline_core::export::{ArrayRef, OwnedValue, ValueRef};

/// An attribute value, borrowed from a batch of spans or from a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Any<'a> {
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    I64(i64),
    /// `double_value`.
    F64(f64),
    /// `string_value`.
    Str(&'a str),
    /// `array_value`.
    Array(Elements<'a>),
}

/// The elements of an array value.
///
/// They are visited and not collected: an array is written from where it is stored, without an allocation. OTLP allows
/// arrays in arrays, and a resource may hold them; spans do not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Elements<'a> {
    Recorded(ArrayRef<'a>),
    Owned(&'a [OwnedValue]),
}

impl<'a> Elements<'a> {
    /// Calls `found` with each element, in order.
    pub(crate) fn each(self, mut found: impl FnMut(Any<'a>)) {
        match self {
            Self::Recorded(array) => array.iter().for_each(|value| found(value.into())),
            Self::Owned(values) => values.iter().for_each(|value| found(value.into())),
        }
    }
}

/// From a value that a span recorded.
impl<'a> From<ValueRef<'a>> for Any<'a> {
    #[inline]
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Bool(truth) => Self::Bool(truth),
            ValueRef::I64(number) => Self::I64(number),
            ValueRef::F64(number) => Self::F64(number),
            ValueRef::Str(text) => Self::Str(text),
            ValueRef::Array(array) => Self::Array(Elements::Recorded(array)),
        }
    }
}

/// From a value that a resource owns.
impl<'a> From<&'a OwnedValue> for Any<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(truth) => Self::Bool(*truth),
            OwnedValue::I64(number) => Self::I64(*number),
            OwnedValue::F64(number) => Self::F64(*number),
            OwnedValue::Text(text) => Self::Str(text),
            OwnedValue::Array(values) => Self::Array(Elements::Owned(values)),
        }
    }
}

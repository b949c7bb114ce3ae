//! OTLP's `AnyValue`, whoever owns what it says.

use hopline_core::{ArrayRef, OwnedValue, ValueRef};

/// An attribute value: borrowed from a batch of spans, or from a resource that owns it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Any<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Str(&'a str),
    Array(Elements<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Elements<'a> {
    Recorded(ArrayRef<'a>),
    Owned(&'a [OwnedValue]),
}

impl<'a> Elements<'a> {
    pub(crate) fn each(self, mut found: impl FnMut(Any<'a>)) {
        match self {
            Self::Recorded(array) => array.iter().for_each(|value| found(value.into())),
            Self::Owned(values) => values.iter().for_each(|value| found(value.into())),
        }
    }
}

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

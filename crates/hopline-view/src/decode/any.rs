//! A value of OTLP (`AnyValue`), and a list of attributes.
//! `json` and `protobuf` read values into it, so that both encodings give the same attribute.

use hopline_core::export::OwnedValue;
use serde_json::Value;

/// Attributes of a resource: adding one looks at all before it.
///
/// Further ones are left out.
pub(super) const MAX_RESOURCE_ATTRIBUTES: usize = 128;

/// A value that is set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Any {
    Text(String),
    Bool(bool),
    I64(i64),
    F64(f64),
    Array(Vec<Self>),
    /// Keys in the order of the sender.
    Map(Vec<(String, Self)>),
}

impl Any {
    /// Bytes as base64, which is their form in OTLP JSON.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for group in bytes.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let six = (bits >> (18 - 6 * digit)) as usize & 63;
                text.push(if digit <= group.len() {
                    char::from(DIGITS[six])
                } else {
                    '='
                });
            }
        }
        Self::Text(text)
    }

    /// The value of an attribute. A map becomes JSON text, as an attribute of a span has none.
    ///
    /// Recursive: the readers bound the depth.
    pub(super) fn into_value(self) -> OwnedValue {
        match self {
            Self::Text(text) => OwnedValue::Text(text),
            Self::Bool(truth) => OwnedValue::Bool(truth),
            Self::I64(number) => OwnedValue::I64(number),
            Self::F64(number) => OwnedValue::F64(number),
            Self::Array(values) => {
                OwnedValue::Array(values.into_iter().map(Self::into_value).collect())
            }
            Self::Map(_) => OwnedValue::Text(self.into_json().to_string()),
        }
    }

    /// A number that JSON has not becomes `null`; of two entries with one key, the last one is kept.
    fn into_json(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::Bool(truth) => Value::Bool(truth),
            Self::I64(number) => number.into(),
            Self::F64(number) => number.into(),
            Self::Array(values) => values.into_iter().map(Self::into_json).collect(),
            Self::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| (key, value.into_json()))
                .collect(),
        }
    }
}

/// Adds an attribute. Of two with one key, the last value is kept, in the place of the first.
pub(super) fn put(attributes: &mut Vec<(String, OwnedValue)>, key: String, value: OwnedValue) {
    /// Beyond it, keys are not compared, or a long list would take quadratic time. A list is cut below it when it is
    /// stored.
    const COMPARED: usize = 1024;
    let known = attributes.iter_mut().take(COMPARED);
    match known.into_iter().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => attributes.push((key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_base64() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (&[0xfb, 0xff, 0xfe, 0], "+//+AA=="),
        ] {
            assert_eq!(Any::from_bytes(bytes), Any::Text(text.to_owned()));
        }
    }
}

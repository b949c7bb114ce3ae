//! Attribute values that own their text, for resources, tests and decoders.
//! The fourth of the five forms of a value; see `ValueKind`.

use std::fmt;

/// An attribute value that owns its text.
///
/// # Examples
///
/// ```
/// use hopline_core::export::OwnedValue;
///
/// let tags = OwnedValue::Array(vec!["a".into(), "b".into()]);
/// assert_eq!(tags.to_string(), "[a, b]");
/// assert_eq!(OwnedValue::from(7).as_i64(), Some(7));
/// assert_eq!(OwnedValue::from(7).as_f64(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the types of attributes, each of which readers handle"
)]
pub enum OwnedValue {
    /// A boolean.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Text(String),
    /// Several values of one type.
    Array(Vec<Self>),
}

impl OwnedValue {
    /// The text; `None` for other types.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The integer; `None` for other types.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::export::OwnedValue;
    ///
    /// assert_eq!(OwnedValue::from(200).as_i64(), Some(200));
    /// assert_eq!(OwnedValue::from("200").as_i64(), None);
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::I64(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The floating-point number; `None` for other types, integers included.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::F64(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The boolean; `None` for other types.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self {
            Some(*truth)
        } else {
            None
        }
    }
}

impl fmt::Display for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => truth.fmt(f),
            Self::I64(number) => number.fmt(f),
            Self::F64(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

impl From<bool> for OwnedValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for OwnedValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<f64> for OwnedValue {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

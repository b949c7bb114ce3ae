//! Names, keys and attribute values as a caller passes them.
//!
//! A value has five forms: [`Value`] as passed, `RecordedValue` in a buffer, `ValueRef` as read from a batch, `OwnedValue`
//! for tests and decoders, and what an exporter makes of it on the wire.

use std::borrow::Cow;

use crate::attribute::collected::Collected;
use crate::attribute::text::Text;
use crate::attribute::value_ref::ValueRef;
use crate::attribute::wide::{Wide, Wides};
use crate::limits::STATIC_NAME_BYTES;

/// A text value known at compile time: recorded as a pointer, not copied.
///
/// ```
/// use hopline_core::{Literal, attr};
///
/// let _ = attr("http.request.method", Literal("GET"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal(pub &'static str);

/// The name of a span or event, or the key of an attribute.
///
/// A literal is recorded as a pointer; anything else is copied once. A `&'static str` and a `&String`
/// turn into one by themselves, other text by [`Name::dynamic`].
///
/// Names are to be few: the route, never the path. One that is longer than [`Limits::name_bytes`](crate::Limits) is cut,
/// an empty one is refused; both are counted.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub(crate) NameKind<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum NameKind<'a> {
    Static(&'static str),
    Dynamic(&'a str),
}

impl<'a> Name<'a> {
    /// A name made at run time.
    #[inline]
    pub const fn dynamic(name: &'a str) -> Self {
        Self(NameKind::Dynamic(name))
    }

    /// The text.
    #[inline]
    pub const fn as_str(&self) -> &'a str {
        match self.0 {
            NameKind::Static(name) => name,
            NameKind::Dynamic(name) => name,
        }
    }

    #[inline(always)] // see `AttrTable::add`
    pub(crate) fn copy(self, text: &mut String, base: usize) -> Text {
        match self.0 {
            NameKind::Static(name) => Text::Static(name),
            NameKind::Dynamic(name) => Text::copy(name, text, base),
        }
    }

    /// What recording it adds to a trace's text.
    #[inline]
    pub(crate) fn copied_len(&self) -> usize {
        if let NameKind::Dynamic(name) = self.0 {
            name.len()
        } else {
            0
        }
    }
}

impl From<&'static str> for Name<'_> {
    // Of a literal the compiler knows its length, so this check costs nothing. What fails it is looked at as
    // dynamic names are.
    #[inline]
    fn from(name: &'static str) -> Self {
        Self(if name.is_empty() || name.len() > STATIC_NAME_BYTES {
            NameKind::Dynamic(name)
        } else {
            NameKind::Static(name)
        })
    }
}

impl<'a> From<&'a String> for Name<'a> {
    #[inline]
    fn from(name: &'a String) -> Self {
        Self::dynamic(name)
    }
}

/// An attribute value as the caller gives it: made of truth values, integers, floating-point numbers, text, slices
/// of these, and `Option`s, of which `None` is not recorded.
///
/// Borrowed text is copied once, into the trace's own text. Integers stay integers; one that is beyond `i64` is recorded
/// as its decimal text, and so are all of an array if one of them is.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a>(pub(crate) ValueKind<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueKind<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Static(&'static str),
    Str(&'a str),
    Bools(&'a [bool]),
    I64s(&'a [i64]),
    F64s(&'a [f64]),
    Strs(&'a [&'a str]),
    /// Beyond `i64`.
    Wide(Wide),
    Wides(Wides<'a>),
    /// Not a value but many attributes, under keys of their own.
    Set(&'a Collected),
    Absent,
}

/// An attribute on its way in. Plain data, so that recording it under a lock runs no code of the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Attr<'a> {
    pub(crate) key: Name<'a>,
    pub(crate) value: Value<'a>,
}

impl<'a> Attr<'a> {
    /// The key.
    #[inline]
    pub fn key(&self) -> &'a str {
        self.key.as_str()
    }

    /// The value, if it is a truth value, a number or text.
    ///
    /// An integer beyond `i64`, an array, an [`AttrSet`] and an absent value have none.
    ///
    /// ```
    /// use hopline_core::attr;
    /// use hopline_core::export::ValueRef;
    ///
    /// assert_eq!(attr("cache.rows", 12).scalar(), Some(ValueRef::I64(12)));
    /// assert_eq!(attr("cache.node", None::<&str>).scalar(), None);
    /// ```
    #[inline]
    pub fn scalar(&self) -> Option<ValueRef<'a>> {
        match self.value.0 {
            ValueKind::Bool(value) => Some(ValueRef::Bool(value)),
            ValueKind::I64(value) => Some(ValueRef::I64(value)),
            ValueKind::F64(value) => Some(ValueRef::F64(value)),
            ValueKind::Static(value) => Some(ValueRef::Str(value)),
            ValueKind::Str(value) => Some(ValueRef::Str(value)),
            _ => None,
        }
    }
}

/// Makes an attribute.
///
/// # Examples
///
/// ```
/// use hopline_core::{attr, span};
///
/// let table = String::from("orders");
/// let span = span("cache.fill");
/// span.set_all(|| [attr("cache.table", &table), attr("cache.rows", 12), attr("cache.node", None::<&str>)]);
/// ```
#[inline]
pub fn attr<'a>(key: impl Into<Name<'a>>, value: impl Into<Value<'a>>) -> Attr<'a> {
    Attr {
        key: key.into(),
        value: value.into(),
    }
}

/// No attributes, where a closure for them is asked for.
#[inline]
pub fn no_attrs() -> [Attr<'static>; 0] {
    []
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(ValueKind::Absent), Into::into)
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {$(
        impl<'a> From<$from> for Value<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                Self($into)
            }
        }
    )*};
}

value_from! {
    bool => |value| ValueKind::Bool(value);
    u8 => |value| ValueKind::I64(value.into());
    i16 => |value| ValueKind::I64(value.into());
    u16 => |value| ValueKind::I64(value.into());
    i32 => |value| ValueKind::I64(value.into());
    u32 => |value| ValueKind::I64(value.into());
    i64 => |value| ValueKind::I64(value);
    i8 => |value| ValueKind::I64(value.into());
    u64 => |value| integer(i64::try_from(value), || u128::from(value));
    usize => |value| integer(i64::try_from(value), || value as u128);
    isize => |value| integer(i64::try_from(value), || value as i128);
    u128 => |value| integer(i64::try_from(value), || value);
    i128 => |value| integer(i64::try_from(value), || value);
    f32 => |value| ValueKind::F64(value.into());
    f64 => |value| ValueKind::F64(value);
    Literal => |value| ValueKind::Static(value.0);
    &'a str => |value| ValueKind::Str(value);
    &'a String => |value| ValueKind::Str(value);
    &'a Cow<'_, str> => |value| ValueKind::Str(value);
    &'a [bool] => |value| ValueKind::Bools(value);
    &'a [i64] => |value| ValueKind::I64s(value);
    &'a [f64] => |value| ValueKind::F64s(value);
    &'a [&'a str] => |value| ValueKind::Strs(value);
    &'a [u64] => |value| ValueKind::Wides(Wides::U64(value));
    &'a [usize] => |value| ValueKind::Wides(Wides::Usize(value));
    &'a [u128] => |value| ValueKind::Wides(Wides::U128(value));
    &'a [i128] => |value| ValueKind::Wides(Wides::I128(value));
}

/// An integer where it is one, else the whole number.
#[inline]
fn integer<'a, E, W: Into<Wide>>(
    small: Result<i64, E>,
    whole: impl FnOnce() -> W,
) -> ValueKind<'a> {
    match small {
        Ok(value) => ValueKind::I64(value),
        Err(_) => ValueKind::Wide(whole().into()),
    }
}

impl ValueKind<'_> {
    /// How many values an array has.
    pub(crate) fn array_len(&self) -> usize {
        match self {
            Self::Bools(values) => values.len(),
            Self::I64s(values) => values.len(),
            Self::F64s(values) => values.len(),
            Self::Strs(values) => values.len(),
            Self::Wides(values) => values.len(),
            _ => 0,
        }
    }

    /// The number of its texts that are longer than `max_text`.
    pub(crate) fn cuts(&self, max_text: usize) -> usize {
        match self {
            Self::Static(value) => usize::from(value.len() > max_text),
            Self::Str(value) => usize::from(value.len() > max_text),
            Self::Strs(values) => values.iter().filter(|value| value.len() > max_text).count(),
            _ => 0,
        }
    }

    /// How many bytes of text a value is, cut to `max_text`.
    pub(crate) fn text_len(&self, max_text: usize) -> usize {
        match self {
            Self::Str(value) => value.len().min(max_text),
            Self::Strs(values) => values.iter().map(|value| value.len().min(max_text)).sum(),
            Self::Wide(_) => Wide::MAX_DIGITS,
            Self::Wides(values) if !values.all_fit() => values.len() * Wide::MAX_DIGITS,
            _ => 0,
        }
    }
}

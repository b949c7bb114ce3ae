//! Names, keys and attribute values as a caller passes them.
//!
//! Passed to spans, events and sets; `record` writes them into a table.

use std::borrow::Cow;

use crate::attribute::collected::Collected;
use crate::attribute::text::Text;
use crate::attribute::value_ref::ValueRef;
use crate::attribute::wide::{Wide, Wides};
use crate::limits::STATIC_NAME_BYTES;

/// A text value known at compile time: recorded as a pointer, not copied.
///
/// A `&str` value is copied, since nothing shows that it is `'static`.
///
/// # Examples
///
/// ```
/// use hopline_core::export::ValueRef;
/// use hopline_core::{Literal, attr};
///
/// let method = attr("http.request.method", Literal("GET"));
/// assert_eq!(method.scalar(), Some(ValueRef::Str("GET")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a newtype around the text")]
pub struct Literal(pub &'static str);

/// The name of a span or event, or the key of an attribute.
///
/// A literal is recorded as a pointer; other text is copied once. `&'static str` and `&String` convert into it. For a
/// `&str` of another lifetime use [`Name::dynamic`]: the conversion of `&str` requires `'static`, so that literals need
/// no copy.
///
/// Keep the number of distinct names small: the route, never the path. A name longer than
/// [`Limits::name_bytes`](crate::Limits) is cut, an empty one is refused; both are counted.
///
/// # Examples
///
/// ```
/// use hopline_core::{Name, span};
///
/// fn named(table: &str) -> hopline_core::Span {
///     span(Name::dynamic(table))
/// }
/// assert_eq!(Name::dynamic("orders").as_str(), "orders");
/// named("orders").end();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub(crate) NameKind<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum NameKind<'a> {
    Static(&'static str),
    Dynamic(&'a str),
}

impl<'a> Name<'a> {
    /// A name that is not a literal; it is copied.
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

    /// The bytes that recording it adds to the text of a trace.
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
    // The compiler knows the length of a literal, so this check costs nothing. Names that fail it take the checked
    // path of dynamic names.
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

/// The value of an attribute: a boolean, an integer, a floating-point number, text, a slice of these, or an `Option` of
/// them. `None` is not recorded.
///
/// Borrowed text is copied once, into the text of the trace. Integers stay integers. An integer beyond `i64` is recorded
/// as decimal text; if an array contains one, all of its values are. Text longer than
/// [`Limits::value_bytes`](crate::Limits) is cut between characters and counted.
///
/// # Examples
///
/// ```
/// use hopline_core::{AttrSet, attr};
///
/// let sizes: AttrSet = [attr("small", 7_u8), attr("large", u64::MAX), attr("none", None::<i64>)]
///     .into_iter()
///     .collect();
/// assert_eq!(format!("{sizes:?}"), r#"{"small": I64(7), "large": Str("18446744073709551615")}"#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Value<'a>(pub(crate) ValueKind<'a>);

/// The first of the five forms of a value, one for each owner of its text:
///
/// 1. `ValueKind`: as the application passes it; borrows from the caller, so a closure for attributes copies nothing.
/// 2. `RecordedValue` (`table.rs`): as recorded; flat, with offsets into the text of the trace.
/// 3. [`ValueRef`] (`value_ref.rs`): as exporters read it from a batch; borrows from the batch.
/// 4. `OwnedValue` (`owned.rs`): owns its text; of resources, tests and decoders.
/// 5. The bytes that an exporter writes; hopline-otlp makes them from the third without a copy in between.
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
    /// A whole set: many attributes with their own keys.
    Set(&'a Collected),
    Absent,
}

/// An attribute: a key and a value, created by [`attr`].
///
/// Plain data, so recording it under a lock runs no code of the application.
///
/// # Examples
///
/// ```
/// use hopline_core::attr;
///
/// assert_eq!(attr("cache.hit", true).key(), "cache.hit");
/// ```
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

    /// The value, if it is a boolean, a number or text. `None` for an integer beyond `i64`, an array, an
    /// [`AttrSet`](crate::AttrSet) and an absent value.
    ///
    /// # Examples
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

/// Creates an attribute. `None` as value makes one that is not recorded.
///
/// # Examples
///
/// ```
/// use hopline_core::{attr, span};
///
/// let table = String::from("orders");
/// let rows = attr("cache.rows", 12);
/// assert_eq!(rows.key(), "cache.rows");
///
/// let span = span("cache.fill");
/// span.set_all(|| [attr("cache.table", &table), rows, attr("cache.node", None::<&str>)]);
/// ```
#[inline]
pub fn attr<'a>(key: impl Into<Name<'a>>, value: impl Into<Value<'a>>) -> Attr<'a> {
    Attr {
        key: key.into(),
        value: value.into(),
    }
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

/// The integer if it fits into `i64`, else the wide one.
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
    /// The number of values of an array; 0 for other values.
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

    /// The most bytes of text that recording it takes, cut to `max_text`.
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

//! Sets of attributes that are created once and recorded many times.
//! Used by integrations for the attributes of a server, a connection or a statement.

use std::fmt;

use crate::attribute::collected::Collected;
use crate::attribute::read::AttrIter;
use crate::attribute::table::NONE;
use crate::attribute::value::{Attr, Name, Value, ValueKind};
use crate::attribute::value_ref::ValueRef;
use crate::limits::MAX_TRACE_BYTES;

/// Attributes that are created once and recorded many times: of a server, a connection, a statement.
///
/// Pass it like one attribute ([`as_attr`](Self::as_attr)); it adds all of its attributes. They are copied in one piece,
/// which costs a fraction of recording them one by one.
///
/// # Limits
///
/// The [`Limits`](crate::Limits) of the span apply as if each attribute were given by itself: long values are cut,
/// excess attributes and attributes without a key are dropped, and both are counted. A set holds up to 1 GiB of text,
/// the most that a trace holds; attributes beyond are dropped with a [`Notice`](crate::Notice).
///
/// # Examples
///
/// ```
/// use hopline_core::{AttrSet, attr, span};
///
/// let server: AttrSet = [attr("server.address", "db.internal"), attr("server.port", 5432)].into_iter().collect();
///
/// let keys: Vec<&str> = server.iter().map(|(key, _)| key).collect();
/// assert_eq!(keys, ["server.address", "server.port"]);
///
/// let query = span("db.query");
/// query.set_all(|| [server.as_attr(), attr("db.response.returned_rows", 1)]);
/// ```
#[derive(Clone, Default)]
pub struct AttrSet(Collected);

impl AttrSet {
    /// Creates an empty set, without an allocation.
    pub const fn new() -> Self {
        Self(Collected::new())
    }

    /// Removes all attributes, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The number of attributes. A key that was given twice counts twice.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The attributes in order. Of a key that was given twice the later value counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        let first = if self.is_empty() { NONE } else { 0 };
        AttrIter::new(&self.0.table, 0, NONE, first)
    }

    /// The set as one attribute, to pass among others.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{AttrSet, attr};
    ///
    /// let server: AttrSet = [attr("server.address", "db.internal")].into_iter().collect();
    /// let all: AttrSet = [server.as_attr(), attr("db.system.name", "postgresql")].into_iter().collect();
    /// assert_eq!(all.len(), 2);
    /// ```
    #[inline]
    pub fn as_attr(&self) -> Attr<'_> {
        Attr {
            key: Name::from(""),
            value: Value(ValueKind::Set(&self.0)),
        }
    }
}

impl<'a> Extend<Attr<'a>> for AttrSet {
    fn extend<T: IntoIterator<Item = Attr<'a>>>(&mut self, attrs: T) {
        for attr in attrs {
            self.0.push(&attr, MAX_TRACE_BYTES);
        }
    }
}

impl<'a> FromIterator<Attr<'a>> for AttrSet {
    fn from_iter<T: IntoIterator<Item = Attr<'a>>>(attrs: T) -> Self {
        let mut set = Self::new();
        set.extend(attrs);
        set
    }
}

impl fmt::Debug for AttrSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::value::attr;

    #[test]
    fn text_has_an_end() {
        let mut set = AttrSet::new();
        for text in ["123", "4567", "890", ""] {
            set.0.push(&attr("key", text), 8);
        }
        let twice: AttrSet = [set.as_attr(), set.as_attr()].into_iter().collect();
        let mut within = AttrSet::new();
        for _ in 0..2 {
            within.0.push(&twice.as_attr(), 15);
        }
        assert_eq!((set.len(), twice.len(), within.len()), (3, 6, 6));
        assert_eq!((set.0.table.text.as_str(), set.0.longest), ("1234567", 4));
    }
}

//! Attributes made once and recorded many times.

use std::fmt;

use crate::attributes::Attributes;
use crate::record::{NONE, Records};
use crate::stored::Stored;
use crate::value::{Attr, Name, Value, ValueKind, ValueRef};

/// Attributes that are made once and recorded many times: of a server, of a connection, of a statement.
///
/// It stands as one among those that a span is given, for all that are in it. They are copied in one piece, for a
/// fraction of what it costs to record them one by one.
///
/// # Limits
///
/// Those of the spans that take it ([`Limits`](crate::Limits)): what is too long is cut, what is too many is dropped
/// and counted, as if each had been given by itself.
///
/// # Examples
///
/// ```
/// use hopline_core::{AttrSet, attr, span};
///
/// let server: AttrSet = [attr("server.address", "db.internal"), attr("server.port", 5432)].into_iter().collect();
///
/// let query = span("db.query");
/// query.set_all(|| [server.as_attr(), attr("db.response.returned_rows", 1)]);
/// ```
#[derive(Clone, Default)]
pub struct AttrSet {
    /// Of one batch.
    records: Records,
    len: usize,
    /// Bytes of the longest value; without end if there is an array, which is no single record.
    longest: usize,
}

impl AttrSet {
    /// One with nothing in it.
    pub const fn new() -> Self {
        Self {
            records: Records::new(),
            len: 0,
            longest: 0,
        }
    }

    /// Empties it, for others.
    pub fn clear(&mut self) {
        self.records.clear();
        (self.len, self.longest) = (0, 0);
    }

    /// How many there are; a key that was given twice counts twice.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them; of a key that was given twice the later value counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        let first = if self.is_empty() { NONE } else { 0 };
        Attributes::new(&self.records, 0, first)
    }

    /// All of them, to stand among others.
    #[inline]
    pub fn as_attr(&self) -> Attr<'_> {
        Attr {
            key: Name::from(""),
            value: Value(ValueKind::Set(self)),
        }
    }

    fn push(&mut self, attr: &Attr<'_>) {
        if self.records.batches.is_empty() {
            self.records.batch();
        }
        let first = self.records.attrs.len();
        self.records.push(attr, usize::MAX, 0, usize::MAX);
        self.len += attr.count();
        for added in &self.records.attrs[first..] {
            let length = match added.value {
                Stored::Text(text) => text.len(),
                Stored::Array(_) => usize::MAX,
                _ => 0,
            };
            self.longest = self.longest.max(length);
        }
    }
}

impl Records {
    /// True if a set can be recorded by [`add_set`](Self::add_set), so that there are `end` attributes at most and
    /// none has to be changed.
    #[inline]
    pub(crate) fn has_room_for_set(&self, set: &AttrSet, end: usize, max_text: usize) -> bool {
        let (attrs, text) = (&set.records.attrs, &set.records.text);
        self.attrs.len() + attrs.len() <= end && self.has_text_room(text) && set.longest <= max_text
    }

    /// Records a set for which there is room into the batch whose text begins at `base`.
    #[inline]
    pub(crate) fn add_set(&mut self, set: &AttrSet, base: usize) {
        let (first, at) = (self.attrs.len(), self.text.len() - base);
        self.attrs.extend_from_slice(&set.records.attrs);
        self.text.push_str(&set.records.text);
        if at > 0 {
            for record in &mut self.attrs[first..] {
                record.shift(at as u32);
            }
        }
    }

    /// Records at most so many of a set, one by one.
    pub(crate) fn push_set(&mut self, set: &AttrSet, most: usize, base: usize, max_text: usize) {
        let mut rest = &set.records.attrs[..];
        for _ in 0..most {
            let Some((first, behind)) = rest.split_first() else {
                return;
            };
            let (values, others) = behind.split_at(first.values(behind).len());
            for record in std::iter::once(first).chain(values) {
                let copied = record.copy(&set.records.text, &mut self.text, base, max_text);
                self.attrs.push(copied);
            }
            rest = others;
        }
    }
}

impl Attr<'_> {
    /// How many it stands for.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self.value.0 {
            ValueKind::Absent => 0,
            ValueKind::Set(set) => set.len,
            _ => 1,
        }
    }

    /// How many records and how many bytes of text it takes at most, values cut to `max_text`.
    pub(crate) fn size(&self, max_text: usize) -> (usize, usize) {
        match self.value.0 {
            ValueKind::Absent => (0, 0),
            ValueKind::Set(set) => (set.records.attrs.len(), set.records.text.len()),
            value => {
                let text = value.text_len(max_text) + self.key.copied_len();
                (1 + value.array_len(), text)
            }
        }
    }
}

impl<'a> Extend<Attr<'a>> for AttrSet {
    fn extend<T: IntoIterator<Item = Attr<'a>>>(&mut self, attrs: T) {
        for attr in attrs {
            self.push(&attr);
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

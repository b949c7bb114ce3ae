//! Attributes made once and recorded many times.

use std::fmt;

use crate::attributes::Attributes;
use crate::limits::{Limits, MAX_TRACE_BYTES};
use crate::notice::notify;
use crate::record::{NONE, Records};
use crate::stored::AttrRecord;
use crate::value::{Attr, Name, Value, ValueKind, ValueRef};

/// Attributes that are made once and recorded many times: of a server, of a connection, of a statement.
///
/// It stands as one among those that a span is given, for all that are in it. They are copied in one piece, for a
/// fraction of what it costs to record them one by one.
///
/// # Limits
///
/// Those of the spans that take it ([`Limits`](crate::Limits)): what is too long is cut, what is too many is dropped
/// and counted, as if each had been given by itself. So is what has no key. Beyond 1 GiB of text, which no trace holds, a set takes nothing
/// more, and says so ([`Notice`](crate::Notice)).
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
pub struct AttrSet {
    /// Of one batch.
    records: Records,
    len: usize,
    /// Bytes of the longest text that is a value.
    longest: usize,
    /// The same of keys made at run time.
    longest_key: usize,
    /// Attributes that were not taken, for the spans to count.
    refused: usize,
}

impl AttrSet {
    /// One with nothing in it.
    pub const fn new() -> Self {
        Self {
            records: Records::new(),
            len: 0,
            longest: 0,
            longest_key: 0,
            refused: 0,
        }
    }

    /// Empties it, for others.
    pub fn clear(&mut self) {
        self.records.clear();
        (self.len, self.longest) = (0, 0);
        (self.longest_key, self.refused) = (0, 0);
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
        Attributes::new(&self.records, 0, NONE, first)
    }

    /// All of them, to stand among others.
    #[inline]
    pub fn as_attr(&self) -> Attr<'_> {
        Attr {
            key: Name::from(""),
            value: Value(ValueKind::Set(self)),
        }
    }

    /// Nothing if it would have more text than this.
    fn push(&mut self, attr: &Attr<'_>, max_text: usize) {
        let (_, text) = attr.size(usize::MAX, &Limits::NONE);
        self.refused += attr.refused();
        if self.records.text.len() + text > max_text {
            self.refused += attr.count();
            return notify("attributes", || {
                "attributes are left out of a set, which holds as much text as a trace can"
                    .to_owned()
            });
        }
        if self.records.batches.is_empty() {
            self.records.batch();
        }
        let first = self.records.attrs.len();
        self.records.push(attr, usize::MAX, 0, &Limits::NONE);
        self.len += attr.count();
        for added in &self.records.attrs[first..] {
            self.longest = self.longest.max(added.value_len());
            self.longest_key = self.longest_key.max(added.key_len());
        }
    }

    /// The records of the first so many attributes.
    fn first(&self, most: usize) -> &[AttrRecord] {
        let all = &self.records.attrs;
        if most >= self.len {
            return all;
        }
        let mut end = 0;
        for _ in 0..most {
            end += 1 + all[end].values(&all[end + 1..]).len();
        }
        &all[..end]
    }
}

impl Records {
    /// True if a set can be recorded by [`add_set`](Self::add_set), so that there are `end` attributes at most and
    /// none has to be changed.
    #[inline]
    pub(crate) fn has_room_for_set(&self, set: &AttrSet, end: usize, limits: &Limits) -> bool {
        let (attrs, text) = (&set.records.attrs, &set.records.text);
        // an array's values are records as well, and no attributes
        let each_is_one = attrs.len() == set.len;
        each_is_one
            && self.attrs.len() + attrs.len() <= end
            && self.has_text_room(text)
            && set.longest <= limits.value_bytes
            && set.longest_key <= limits.name_bytes
            && set.refused == 0
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
    pub(crate) fn push_set(&mut self, set: &AttrSet, most: usize, base: usize, limits: &Limits) {
        for record in set.first(most) {
            let copied = record.copy(&set.records.text, &mut self.text, base, limits);
            self.attrs.push(copied);
        }
    }
}

impl Attr<'_> {
    /// The number of attributes in it. None if it has no key.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self.value.0 {
            ValueKind::Absent => 0,
            ValueKind::Set(set) => set.len,
            _ => usize::from(!self.key.as_str().is_empty()),
        }
    }

    /// The number of attributes in it that cannot be recorded.
    pub(crate) fn refused(&self) -> usize {
        match self.value.0 {
            ValueKind::Absent => 0,
            ValueKind::Set(set) => set.refused,
            _ => usize::from(self.key.as_str().is_empty()),
        }
    }

    /// How many records and how many bytes of text it takes at most within these limits, so many of a set.
    pub(crate) fn size(&self, most: usize, limits: &Limits) -> (usize, usize) {
        match self.value.0 {
            ValueKind::Set(set) => {
                let records = set.first(most);
                let text = records.iter().map(|record| record.copied_len(limits));
                (records.len(), text.sum())
            }
            _ if self.count() == 0 => (0, 0),
            value => {
                let key = self.key.copied_len().min(limits.name_bytes);
                (
                    1 + value.array_len(),
                    value.text_len(limits.value_bytes) + key,
                )
            }
        }
    }

    /// How many texts of these are longer than the limits, so many of a set.
    pub(crate) fn cuts(&self, most: usize, limits: &Limits) -> usize {
        match self.value.0 {
            ValueKind::Set(set) => set
                .first(most)
                .iter()
                .map(|record| record.cuts(limits))
                .sum(),
            _ if self.count() == 0 => 0,
            value => {
                let key = self.key.copied_len() > limits.name_bytes;
                value.cuts(limits.value_bytes) + usize::from(key)
            }
        }
    }
}

impl<'a> Extend<Attr<'a>> for AttrSet {
    fn extend<T: IntoIterator<Item = Attr<'a>>>(&mut self, attrs: T) {
        for attr in attrs {
            self.push(&attr, MAX_TRACE_BYTES);
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
    use crate::attr;

    #[test]
    fn text_has_an_end() {
        let mut set = AttrSet::new();
        for text in ["123", "4567", "890", ""] {
            set.push(&attr("key", text), 8);
        }
        let twice: AttrSet = [set.as_attr(), set.as_attr()].into_iter().collect();
        let mut within = AttrSet::new();
        for _ in 0..2 {
            within.push(&twice.as_attr(), 15);
        }
        assert_eq!((set.len(), twice.len(), within.len()), (3, 6, 6));
        assert_eq!((set.records.text.as_str(), set.longest), ("1234567", 4));
    }
}

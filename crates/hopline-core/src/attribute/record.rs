//! Records attributes into a table: in one pass where there is room, one by one otherwise.
//! The fast path of every span; `engine::buffer` calls it under the lock of the trace.

use crate::attribute::collected::Collected;
use crate::attribute::table::{AttrRecord, AttrTable, BatchRecord, NONE, RecordedValue};
use crate::attribute::text::Text;
use crate::attribute::value::{Attr, NameKind, ValueKind};
use crate::limits::Limits;
use crate::notice::line::notify;
use crate::text::truncated;

impl AttrTable {
    /// Fast path: records at most `left` attributes in one pass if there is room. Returns their batch and their number;
    /// no batch if there are none, or if the slow path (`push`) has to record them.
    #[inline(always)] // the caller's values stay in registers: a fifth of what a child span costs
    pub(crate) fn add(&mut self, attrs: &[Attr<'_>], left: u16, limits: &Limits) -> (u32, u16) {
        let (first, text) = (self.attrs.len(), self.text.len());
        let room = (self.attrs.capacity() - first).min(usize::from(left));
        if attrs.len() > room || self.batches.len() == self.batches.capacity() {
            return (NONE, 0);
        }
        if !self.fill(attrs, first + room, limits) {
            self.attrs.truncate(first);
            self.text.truncate(text);
            return (NONE, 0);
        }
        let count = self.attrs.len() - first;
        if count == 0 {
            return (NONE, 0);
        }
        let batch = self.batches.len() as u32;
        self.batches.push(BatchRecord {
            attrs: first as u32,
            text: text as u32,
            next: NONE,
        });
        (batch, count as u16)
    }

    /// Records attributes of a batch whose text begins here, so that the table has at most `end`. Returns false if a text
    /// does not fit or exceeds the limits, or if there is an array: the caller then removes what was written.
    #[inline(always)]
    fn fill(&mut self, attrs: &[Attr<'_>], end: usize, limits: &Limits) -> bool {
        let base = self.text.len();
        let max_text = limits.value_bytes;
        for attr in attrs {
            let value = match attr.value.0 {
                // one by one: a copy of the whole would wait for the caller's fresh writes of its parts
                ValueKind::Bool(value) => RecordedValue::Bool(value.into()),
                ValueKind::I64(value) => RecordedValue::I64(value),
                ValueKind::F64(value) => RecordedValue::F64(value),
                ValueKind::Static(value) if value.len() <= max_text => {
                    RecordedValue::Text(Text::Static(value))
                }
                ValueKind::Str(value) if value.len() <= max_text && self.has_text_room(value) => {
                    RecordedValue::Text(Text::copy(value, &mut self.text, base))
                }
                ValueKind::Absent => continue,
                // keeps room for the attributes that may follow, of which the set counts as one
                ValueKind::Set(set) if self.has_room_for_set(set, end - attrs.len(), limits) => {
                    self.add_set(set, base);
                    continue;
                }
                _ => return false,
            };
            let key = match attr.key.0 {
                NameKind::Static(key) => Text::Static(key),
                NameKind::Dynamic(key) if limits.fits(key) && self.has_text_room(key) => {
                    Text::copy(key, &mut self.text, base)
                }
                NameKind::Dynamic(_) => return false,
            };
            self.attrs.push(AttrRecord { key, value });
        }
        true
    }

    /// Slow path: records one attribute of any kind, or at most `most` of a set, into the open batch whose text begins at
    /// `base`, cut to the limits.
    pub(crate) fn push(&mut self, attr: &Attr<'_>, most: usize, base: usize, limits: &Limits) {
        let max_text = limits.value_bytes;
        match attr.value.0 {
            ValueKind::Set(set) => return self.push_set(set, most, base, limits),
            _ if attr.count() == 0 => return,
            _ => {}
        }
        let key = match attr.key.0 {
            NameKind::Static(key) => Text::Static(key),
            NameKind::Dynamic(key) => {
                Text::copy(truncated(key, limits.name_bytes), &mut self.text, base)
            }
        };
        let value = match attr.value.0 {
            ValueKind::Bool(value) => RecordedValue::Bool(value.into()),
            ValueKind::I64(value) => RecordedValue::I64(value),
            ValueKind::F64(value) => RecordedValue::F64(value),
            ValueKind::Static(value) => {
                RecordedValue::Text(Text::Static(truncated(value, max_text)))
            }
            ValueKind::Str(value) => {
                RecordedValue::Text(Text::copy(truncated(value, max_text), &mut self.text, base))
            }
            ValueKind::Wide(value) => RecordedValue::Text(value.print(&mut self.text, base)),
            array => return self.push_array(key, array, base, max_text),
        };
        self.attrs.push(AttrRecord { key, value });
    }

    fn push_array(&mut self, key: Text, array: ValueKind<'_>, base: usize, max_text: usize) {
        self.attrs.push(AttrRecord {
            key,
            value: RecordedValue::Array(array.array_len() as u32),
        });
        let Self { attrs, text, .. } = self;
        let mut add = |value| {
            let key = Text::Static("");
            attrs.push(AttrRecord { key, value });
        };
        match array {
            ValueKind::Bools(values) => values
                .iter()
                .for_each(|value| add(RecordedValue::Bool((*value).into()))),
            ValueKind::I64s(values) => values
                .iter()
                .for_each(|value| add(RecordedValue::I64(*value))),
            ValueKind::F64s(values) => values
                .iter()
                .for_each(|value| add(RecordedValue::F64(*value))),
            ValueKind::Strs(values) => {
                for value in values {
                    let value = truncated(value, max_text);
                    add(RecordedValue::Text(Text::copy(value, text, base)));
                }
            }
            ValueKind::Wides(values) => {
                let small = values.all_fit();
                for value in values.iter() {
                    add(match value.as_i64().filter(|_| small) {
                        Some(value) => RecordedValue::I64(value),
                        None => RecordedValue::Text(value.print(text, base)),
                    });
                }
            }
            _ => {}
        }
    }
}

impl AttrTable {
    /// True if [`add_set`](Self::add_set) can copy a set unchanged, so that the table has at most `end` attributes.
    #[inline]
    pub(crate) fn has_room_for_set(&self, set: &Collected, end: usize, limits: &Limits) -> bool {
        let (attrs, text) = (&set.table.attrs, &set.table.text);
        // values of an array are records too, but no attributes
        let each_is_one = attrs.len() == set.len;
        each_is_one
            && self.attrs.len() + attrs.len() <= end
            && self.has_text_room(text)
            && set.longest <= limits.value_bytes
            && set.longest_key <= limits.name_bytes
            && set.refused == 0
    }

    /// Copies a set for which there is room into the batch whose text begins at `base`.
    #[inline]
    pub(crate) fn add_set(&mut self, set: &Collected, base: usize) {
        let (first, at) = (self.attrs.len(), self.text.len() - base);
        self.attrs.extend_from_slice(&set.table.attrs);
        self.text.push_str(&set.table.text);
        if at > 0 {
            for record in &mut self.attrs[first..] {
                record.shift(at as u32);
            }
        }
    }

    /// Records at most `most` attributes of a set, one by one, cut to the limits.
    pub(crate) fn push_set(&mut self, set: &Collected, most: usize, base: usize, limits: &Limits) {
        for record in set.first(most) {
            let copied = record.copy(&set.table.text, &mut self.text, base, limits);
            self.attrs.push(copied);
        }
    }
}

impl Collected {
    /// Adds an attribute, unless the set would have more than `max_text` bytes of text.
    pub(crate) fn push(&mut self, attr: &Attr<'_>, max_text: usize) {
        let (_, text) = attr.size(usize::MAX, &Limits::NONE);
        self.refused += attr.refused();
        if self.table.text.len() + text > max_text {
            self.refused += attr.count();
            return notify("attributes", || {
                "attributes were dropped from an AttrSet: its text is limited to 1 GiB".to_owned()
            });
        }
        if self.table.batches.is_empty() {
            self.table.batch();
        }
        let first = self.table.attrs.len();
        self.table.push(attr, usize::MAX, 0, &Limits::NONE);
        self.len += attr.count();
        for added in &self.table.attrs[first..] {
            self.longest = self.longest.max(added.value_len());
            self.longest_key = self.longest_key.max(added.key_len());
        }
    }
}

impl Attr<'_> {
    /// The number of attributes in it: those of a set, else 1; 0 if it has no key or no value.
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

    /// The most records and bytes of text that it takes within these limits; of a set, its first `most` attributes.
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

    /// The number of its texts that are longer than the limits; of a set, those of its first `most` attributes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::read::AttrIter;
    use crate::attribute::table::STATUS_MESSAGE;
    use crate::attribute::value::attr;

    #[test]
    fn values_come_back_as_they_went_in() {
        let mut records = AttrTable::default();
        records.text.push_str("before");
        let base = records.batch() as usize;
        let key = String::from("dynamic");
        let attrs = [
            attr("a", true),
            attr(&key, "text"),
            attr("list", &["x", "yy"][..]),
            attr("empty", &[] as &[i64]),
            attr(STATUS_MESSAGE, "hidden"),
            attr("none", None::<i64>),
            attr("n", 1.5),
        ];
        for attr in &attrs {
            records.push(attr, usize::MAX, base, &Limits::NONE);
        }
        let read: Vec<String> = AttrIter::new(&records, 0, NONE, 0)
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            read,
            [
                "a=true",
                "dynamic=text",
                "list=[x, yy]",
                "empty=[]",
                "n=1.5"
            ]
        );
    }
}

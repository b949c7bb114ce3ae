//! Attributes as they are recorded, and read back.

use std::fmt;

use crate::limits::Limits;
use crate::record::{BatchRecord, NONE, Records};
use crate::text::truncated;
use crate::value::{Attr, Name, NameKind, ValueKind, ValueRef};
use crate::wide::Wide;

/// A recorded text: a pointer, or a range of the trace's text. 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    Static(&'static str),
    Copied { at: u32, len: u32 },
}

/// One attribute. 40 bytes. Whose it is and where its text begins, its batch says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrRecord {
    pub(crate) key: Text,
    pub(crate) value: Stored,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    /// A word, as the others: then they are written alike.
    Bool(u64),
    I64(i64),
    F64(f64),
    Text(Text),
    /// So many of the records that follow are its values.
    Array(u32),
}

/// The key under which a span's status message is recorded; not an attribute to those who read.
pub(crate) const STATUS_MESSAGE: &str = "\0status.message";

impl Records {
    /// Records attributes given together, at most `left` of them, in one pass where there is room for them as there
    /// mostly is: their batch, and how many there are. No batch if there are none or it has to be done slowly.
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

    /// Records attributes whose batch's text begins here, in one pass, so that there are `end` at most. False if that
    /// cannot be: a text does not fit or is longer than `max_text`, or there is an array. Then what stands there is of
    /// no use.
    #[inline(always)]
    fn fill(&mut self, attrs: &[Attr<'_>], end: usize, limits: &Limits) -> bool {
        let base = self.text.len();
        let max_text = limits.value_bytes;
        for attr in attrs {
            let value = match attr.value.0 {
                // one by one: a copy of the whole would wait for the caller's fresh writes of its parts
                ValueKind::Bool(value) => Stored::Bool(value.into()),
                ValueKind::I64(value) => Stored::I64(value),
                ValueKind::F64(value) => Stored::F64(value),
                ValueKind::Static(value) if value.len() <= max_text => {
                    Stored::Text(Text::Static(value))
                }
                ValueKind::Str(value) if value.len() <= max_text && self.has_text_room(value) => {
                    Stored::Text(Text::copy(value, &mut self.text, base))
                }
                ValueKind::Absent => continue,
                // the others, of which it is one, may be still to come
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

    #[inline]
    pub(crate) fn has_text_room(&self, text: &str) -> bool {
        text.len() <= self.text.capacity() - self.text.len()
    }

    /// Records one attribute of any kind, or at most so many of a set, into the open batch whose text begins at `base`.
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
            ValueKind::Bool(value) => Stored::Bool(value.into()),
            ValueKind::I64(value) => Stored::I64(value),
            ValueKind::F64(value) => Stored::F64(value),
            ValueKind::Static(value) => Stored::Text(Text::Static(truncated(value, max_text))),
            ValueKind::Str(value) => {
                Stored::Text(Text::copy(truncated(value, max_text), &mut self.text, base))
            }
            ValueKind::Wide(value) => Stored::Text(value.print(&mut self.text, base)),
            array => return self.push_array(key, array, base, max_text),
        };
        self.attrs.push(AttrRecord { key, value });
    }

    fn push_array(&mut self, key: Text, array: ValueKind<'_>, base: usize, max_text: usize) {
        self.attrs.push(AttrRecord {
            key,
            value: Stored::Array(array.array_len() as u32),
        });
        let Self { attrs, text, .. } = self;
        let mut add = |value| {
            let key = Text::Static("");
            attrs.push(AttrRecord { key, value });
        };
        match array {
            ValueKind::Bools(values) => values
                .iter()
                .for_each(|value| add(Stored::Bool((*value).into()))),
            ValueKind::I64s(values) => values.iter().for_each(|value| add(Stored::I64(*value))),
            ValueKind::F64s(values) => values.iter().for_each(|value| add(Stored::F64(*value))),
            ValueKind::Strs(values) => {
                for value in values {
                    let value = truncated(value, max_text);
                    add(Stored::Text(Text::copy(value, text, base)));
                }
            }
            ValueKind::Wides(values) => {
                let small = values.all_fit();
                for value in values.iter() {
                    add(match value.as_i64().filter(|_| small) {
                        Some(value) => Stored::I64(value),
                        None => Stored::Text(value.print(text, base)),
                    });
                }
            }
            _ => {}
        }
    }
}

impl Text {
    /// `base`: where the batch's text begins; the trace's begin for names, which belong to no batch.
    #[inline]
    pub(crate) fn copy(from: &str, text: &mut String, base: usize) -> Self {
        let at = (text.len() - base) as u32;
        text.push_str(from);
        Self::Copied {
            at,
            len: from.len() as u32,
        }
    }

    /// A name of two parts with a space between them.
    pub(crate) fn join(first: &str, second: &str, text: &mut String) -> Self {
        let (at, len) = (text.len() as u32, (first.len() + 1 + second.len()) as u32);
        text.push_str(first);
        text.push(' ');
        text.push_str(second);
        Self::Copied { at, len }
    }

    #[inline(always)] // see `Records::add`
    pub(crate) fn of_name(name: Name<'_>, text: &mut String, base: usize) -> Self {
        match name.0 {
            NameKind::Static(name) => Self::Static(name),
            NameKind::Dynamic(name) => Self::copy(name, text, base),
        }
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Static(text) => text.len(),
            Self::Copied { len, .. } => len as usize,
        }
    }

    /// Its end offset in the text that holds it.
    fn end(self) -> usize {
        match self {
            Self::Static(_) => 0,
            Self::Copied { at, len } => at as usize + len as usize,
        }
    }

    /// How many bytes it takes of the trace's text, cut to `max`.
    fn copied_len(self, max: usize) -> usize {
        match self {
            Self::Static(_) => 0,
            Self::Copied { len, .. } => max.min(len as usize),
        }
    }

    /// The same text of others, cut to `max` bytes, as one of these, its offset counted from `base`.
    pub(crate) fn moved(self, from: &str, text: &mut String, base: usize, max: usize) -> Self {
        match self {
            Self::Static(own) => Self::Static(truncated(own, max)),
            Self::Copied { .. } => Self::copy(truncated(self.read(from), max), text, base),
        }
    }

    #[inline]
    fn shift(&mut self, by: u32) {
        if let Self::Copied { at, .. } = self {
            *at += by;
        }
    }

    #[inline]
    pub(crate) fn read(self, text: &str) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Copied { at, len } => text
                .get(at as usize..(at + len) as usize)
                .unwrap_or_default(),
        }
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

impl AttrRecord {
    /// Those of the records behind it that are its values: an array's.
    #[inline]
    pub(crate) fn values<'a>(&self, behind: &'a [Self]) -> &'a [Self] {
        match self.value {
            Stored::Array(len) => behind.get(..len as usize).unwrap_or(behind),
            _ => &[],
        }
    }

    /// Bytes of its value, if that is text.
    pub(crate) fn value_len(&self) -> usize {
        match self.value {
            Stored::Text(value) => value.len(),
            _ => 0,
        }
    }

    /// The bytes of text that a copy within these limits takes.
    pub(crate) fn copied_len(&self, limits: &Limits) -> usize {
        let value = match self.value {
            Stored::Text(value) => value.copied_len(limits.value_bytes),
            _ => 0,
        };
        self.key.copied_len(limits.name_bytes) + value
    }

    /// The number of its texts that are longer than the limits.
    pub(crate) fn cuts(&self, limits: &Limits) -> usize {
        usize::from(self.key_len() > limits.name_bytes)
            + usize::from(self.value_len() > limits.value_bytes)
    }

    /// The same in the batch whose text begins at `base`, cut to the limits.
    pub(crate) fn copy(&self, from: &str, text: &mut String, base: usize, limits: &Limits) -> Self {
        let key = match self.key {
            Text::Copied { .. } => self.key.moved(from, text, base, limits.name_bytes),
            own => own,
        };
        let value = match self.value {
            Stored::Text(value) => Stored::Text(value.moved(from, text, base, limits.value_bytes)),
            other => other,
        };
        Self { key, value }
    }

    /// The end offset of its text, from the beginning of its batch's text.
    pub(crate) fn text_end(&self) -> usize {
        let value = match self.value {
            Stored::Text(value) => value.end(),
            _ => 0,
        };
        self.key.end().max(value)
    }

    /// Bytes of its key, if that is copied.
    pub(crate) fn key_len(&self) -> usize {
        self.key.copied_len(usize::MAX)
    }

    /// Its text begins so many bytes later.
    #[inline]
    pub(crate) fn shift(&mut self, by: u32) {
        self.key.shift(by);
        if let Stored::Text(value) = &mut self.value {
            value.shift(by);
        }
    }

    /// Its value, which is `values` if it is an array.
    #[inline]
    pub(crate) fn read<'a>(&self, values: &'a [Self], text: &'a str) -> ValueRef<'a> {
        match self.value {
            Stored::Bool(value) => ValueRef::Bool(value != 0),
            Stored::I64(value) => ValueRef::I64(value),
            Stored::F64(value) => ValueRef::F64(value),
            Stored::Text(value) => ValueRef::Str(value.read(text)),
            Stored::Array(_) => ValueRef::Array(ArrayRef { values, text }),
        }
    }
}

/// The values of a recorded array.
#[derive(Clone, Copy)]
pub struct ArrayRef<'a> {
    values: &'a [AttrRecord],
    text: &'a str,
}

impl<'a> ArrayRef<'a> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in order; none of them is an array.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let text = self.text;
        self.values.iter().map(move |record| record.read(&[], text))
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr;
    use crate::attributes::Attributes;

    #[test]
    fn values_come_back_as_they_went_in() {
        let mut records = Records::default();
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
        let read: Vec<String> = Attributes::new(&records, 0, NONE, 0)
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

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(truncated("a\u{e9}b", 2), "a");
        assert_eq!(truncated("a\u{e9}b", 3), "a\u{e9}");
        assert_eq!(truncated("\u{20ac}", 2), "");
    }
}

//! The flat records a local trace is made of, and how they are read back.

use std::fmt;
use std::mem::size_of;

use crate::tick::Tick;
use crate::value::{Array, Attr, Name, NameKind, Value, ValueRef};
use crate::{Kind, SpanContext, SpanId};

/// A recorded text: a pointer, or a range of the trace's text. 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    Static(&'static str),
    Copied { at: u32, len: u32 },
}

/// One span. 80 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanRecord {
    pub(crate) name: Text,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: Tick,
    pub(crate) end: Tick,
    /// Its batches: the first, and the last so far, which the next one is chained to.
    pub(crate) first_batch: u32,
    pub(crate) last_batch: u32,
    pub(crate) attrs: u16,
    pub(crate) events: u16,
    pub(crate) links: u16,
    pub(crate) dropped_attrs: u16,
    pub(crate) dropped_events: u16,
    pub(crate) dropped_links: u16,
    pub(crate) kind: Kind,
    pub(crate) failed: bool,
    pub(crate) ended: bool,
    pub(crate) parent_is_remote: bool,
    pub(crate) local_root: bool,
}

/// One attribute. 40 bytes. Whose it is and where its text begins, its batch says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrRecord {
    pub(crate) key: Text,
    pub(crate) value: Stored,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Text),
    /// So many of the records that follow are its values.
    Array(u32),
}

/// Attributes that were given together: from here to the next batch's start. 12 bytes.
///
/// Text offsets inside count from the batch's own text, so a span can be copied out with its own text alone.
/// The batches of one span are chained, so reading a span does not look at the others'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchRecord {
    pub(crate) attrs: u32,
    pub(crate) text: u32,
    /// The same span's next batch, counted from the trace's first.
    pub(crate) next: u32,
}

/// No batch.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct EventRecord {
    pub(crate) span: u32,
    pub(crate) name: Text,
    pub(crate) at: Tick,
    /// Its only batch, or none.
    pub(crate) batch: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct LinkRecord {
    pub(crate) span: u32,
    pub(crate) to: SpanContext,
}

/// The key under which a span's status message is recorded; not an attribute to those who read.
pub(crate) const STATUS_MESSAGE: &str = "\0status.message";

/// The six vectors of a local trace; also the body of a chunk of finished ones.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) attrs: Vec<AttrRecord>,
    pub(crate) batches: Vec<BatchRecord>,
    pub(crate) events: Vec<EventRecord>,
    pub(crate) links: Vec<LinkRecord>,
    pub(crate) text: String,
}

impl Records {
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.attrs.clear();
        self.batches.clear();
        self.events.clear();
        self.links.clear();
        self.text.clear();
    }

    /// What is in it, in bytes; the rare links not counted.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<SpanRecord>() * self.spans.len()
            + size_of::<AttrRecord>() * self.attrs.len()
            + size_of::<BatchRecord>() * self.batches.len()
            + size_of::<EventRecord>() * self.events.len()
            + self.text.len()
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        size_of::<SpanRecord>() * self.spans.capacity()
            + size_of::<AttrRecord>() * self.attrs.capacity()
            + size_of::<BatchRecord>() * self.batches.capacity()
            + size_of::<EventRecord>() * self.events.capacity()
            + size_of::<LinkRecord>() * self.links.capacity()
            + self.text.capacity()
    }

    /// Opens a batch; gives where its text begins.
    #[inline]
    pub(crate) fn batch(&mut self) -> u32 {
        let text = self.text.len() as u32;
        self.batches.push(BatchRecord {
            attrs: self.attrs.len() as u32,
            text,
            next: NONE,
        });
        text
    }

    /// Appends the batch at `index` to a span's chain. Indices count from the batch at `origin`.
    #[inline]
    pub(crate) fn chain(&mut self, span: usize, index: u32, origin: usize) {
        let Some(span) = self.spans.get_mut(span) else {
            return;
        };
        if span.first_batch == NONE {
            span.first_batch = index;
        } else if let Some(last) = self.batches.get_mut(origin + span.last_batch as usize) {
            last.next = index;
        }
        span.last_batch = index;
    }

    /// The attributes of the batch at `index`, and its text.
    #[inline]
    pub(crate) fn of_batch(&self, index: usize) -> (&[AttrRecord], &str) {
        let Some(batch) = self.batches.get(index) else {
            return (&[], "");
        };
        let (attrs, text) = match self.batches.get(index + 1) {
            Some(next) => (next.attrs as usize, next.text as usize),
            None => (self.attrs.len(), self.text.len()),
        };
        let attrs = self
            .attrs
            .get(batch.attrs as usize..attrs)
            .unwrap_or_default();
        (
            attrs,
            self.text.get(batch.text as usize..text).unwrap_or_default(),
        )
    }

    /// Records one attribute into the open batch whose text begins at `base`.
    #[inline]
    pub(crate) fn push(&mut self, attr: &Attr<'_>, base: u32, max_text: usize) {
        if !attr.is_present() {
            return;
        }
        let key = Text::of_name(attr.key, &mut self.text, base);
        let value = match attr.value {
            Value::Bool(value) => Stored::Bool(value),
            Value::I64(value) => Stored::I64(value),
            Value::F64(value) => Stored::F64(value),
            Value::Static(value) => Stored::Text(Text::Static(value)),
            Value::Str(value) => {
                Stored::Text(Text::copy(truncated(value, max_text), &mut self.text, base))
            }
            Value::Array(array) => return self.push_array(key, array, base, max_text),
            Value::Absent => return,
        };
        self.attrs.push(AttrRecord { key, value });
    }

    fn push_array(&mut self, key: Text, array: Array<'_>, base: u32, max_text: usize) {
        self.attrs.push(AttrRecord {
            key,
            value: Stored::Array(array.len() as u32),
        });
        let key = Text::Static("");
        let Self { attrs, text, .. } = self;
        let mut add = |value| attrs.push(AttrRecord { key, value });
        match array {
            Array::Bools(values) => values.iter().for_each(|value| add(Stored::Bool(*value))),
            Array::I64s(values) => values.iter().for_each(|value| add(Stored::I64(*value))),
            Array::F64s(values) => values.iter().for_each(|value| add(Stored::F64(*value))),
            Array::Strs(values) => {
                for value in values {
                    add(Stored::Text(Text::copy(
                        truncated(value, max_text),
                        text,
                        base,
                    )));
                }
            }
        }
    }
}

impl Text {
    /// `base`: where the batch's text begins; the trace's begin for names, which belong to no batch.
    #[inline]
    pub(crate) fn copy(from: &str, text: &mut String, base: u32) -> Self {
        let at = text.len() as u32 - base;
        text.push_str(from);
        Self::Copied {
            at,
            len: from.len() as u32,
        }
    }

    #[inline]
    pub(crate) fn of_name(name: Name<'_>, text: &mut String, base: u32) -> Self {
        match name.0 {
            NameKind::Static(name) => Self::Static(name),
            NameKind::Dynamic(name) => Self::copy(name, text, base),
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

impl Array<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bools(values) => values.len(),
            Self::I64s(values) => values.len(),
            Self::F64s(values) => values.len(),
            Self::Strs(values) => values.len(),
        }
    }

    fn text_len(&self, max_text: usize) -> usize {
        if let Self::Strs(values) = self {
            values.iter().map(|value| value.len().min(max_text)).sum()
        } else {
            0
        }
    }
}

impl Attr<'_> {
    #[inline]
    pub(crate) fn is_present(&self) -> bool {
        !matches!(self.value, Value::Absent)
    }

    /// How many records and how many bytes of text it takes at most, values cut to `max_text`.
    #[inline]
    pub(crate) fn size(&self, max_text: usize) -> (usize, usize) {
        let (records, text) = match self.value {
            Value::Str(value) => (1, value.len().min(max_text)),
            Value::Array(array) => (1 + array.len(), array.text_len(max_text)),
            Value::Absent => return (0, 0),
            _ => (1, 0),
        };
        (records, text + self.key.copied_len())
    }
}

/// The records of a batch as key and value, without the status message.
pub(crate) fn read_attrs<'a>(
    records: &'a [AttrRecord],
    text: &'a str,
) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> {
    let mut rest = records;
    std::iter::from_fn(move || {
        loop {
            let (first, tail) = rest.split_first()?;
            let (value, tail) = first.read(tail, text);
            rest = tail;
            let key = first.key.read(text);
            if key != STATUS_MESSAGE {
                return Some((key, value));
            }
        }
    })
}

impl AttrRecord {
    /// Its value, and the records behind it.
    fn read<'a>(&self, tail: &'a [Self], text: &'a str) -> (ValueRef<'a>, &'a [Self]) {
        let value = match self.value {
            Stored::Bool(value) => ValueRef::Bool(value),
            Stored::I64(value) => ValueRef::I64(value),
            Stored::F64(value) => ValueRef::F64(value),
            Stored::Text(value) => ValueRef::Str(value.read(text)),
            Stored::Array(len) => {
                let (values, tail) = tail.split_at_checked(len as usize).unwrap_or((tail, &[]));
                return (ValueRef::Array(ArrayRef { values, text }), tail);
            }
        };
        (value, tail)
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
        self.values
            .iter()
            .map(move |record| record.read(&[], text).0)
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

/// At most `max` bytes, cut between characters.
#[inline]
pub(crate) fn truncated(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr;

    #[test]
    fn records_are_small() {
        assert_eq!(size_of::<SpanRecord>(), 80);
        assert_eq!(size_of::<AttrRecord>(), 40);
        assert_eq!(size_of::<BatchRecord>(), 12);
    }

    #[test]
    fn values_come_back_as_they_went_in() {
        let mut records = Records::default();
        records.text.push_str("before");
        let base = records.batch();
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
            records.push(attr, base, usize::MAX);
        }
        let (attrs, text) = records.of_batch(0);
        let read: Vec<String> = read_attrs(attrs, text)
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

//! The table of recorded attributes: flat records in batches, and the text that they refer to.
//! `record` writes it, `read` reads it; the buffer of a trace, a chunk of finished traces and a set each have one.

use crate::attribute::text::Text;
use crate::limits::Limits;

/// The attributes of a local trace, of a chunk of finished ones, or of a set.
///
/// Three vectors for all spans together: a span allocates nothing of its own, and a finished trace is moved to a chunk
/// by three copies.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttrTable {
    /// The attributes, and the values of arrays behind their attribute.
    pub(crate) attrs: Vec<AttrRecord>,
    /// The batches in order of their attributes.
    pub(crate) batches: Vec<BatchRecord>,
    /// The copied text of all batches, and of names.
    pub(crate) text: String,
}

/// Attributes that were recorded together: from here to the start of the next batch. 12 bytes.
///
/// Text offsets inside count from the batch's own text, so a span can be copied out with its own text alone.
/// The batches of one span are chained, so reading a span does not look at the others'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchRecord {
    /// The index of its first attribute.
    pub(crate) attrs: u32,
    /// The offset of its text.
    pub(crate) text: u32,
    /// The same span's next batch, counted from the trace's first.
    pub(crate) next: u32,
}

/// No batch.
pub(crate) const NONE: u32 = u32::MAX;

/// One attribute. 40 bytes. Its batch knows its span and the start of its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrRecord {
    pub(crate) key: Text,
    pub(crate) value: RecordedValue,
}

/// The second of the five forms of a value (see `ValueKind`): as recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RecordedValue {
    /// 64 bits like the others, so that all are written by the same instructions.
    Bool(u64),
    I64(i64),
    F64(f64),
    Text(Text),
    /// An array: its values are this number of records that follow.
    Array(u32),
}

/// The key under which a status message is recorded. Readers of attributes skip it; no application can use it, because
/// of its first character.
pub(crate) const STATUS_MESSAGE: &str = "\0status.message";

impl AttrTable {
    pub(crate) const fn new() -> Self {
        Self {
            attrs: Vec::new(),
            batches: Vec::new(),
            text: String::new(),
        }
    }

    /// Removes everything, and keeps the capacity for the next trace.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.attrs.clear();
        self.batches.clear();
        self.text.clear();
    }

    /// Opens a batch, and returns the offset of its text.
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
        let attrs = self.attrs.get(batch.attrs as usize..attrs);
        let text = self.text.get(batch.text as usize..text);
        (attrs.unwrap_or_default(), text.unwrap_or_default())
    }

    /// True if the text fits without growing. Growing is left to the slow path, which checks the limits.
    #[inline]
    pub(crate) fn has_text_room(&self, text: &str) -> bool {
        text.len() <= self.text.capacity() - self.text.len()
    }
}

impl AttrRecord {
    /// The records behind it that are its values: those of an array.
    #[inline]
    pub(crate) fn values<'a>(&self, behind: &'a [Self]) -> &'a [Self] {
        match self.value {
            RecordedValue::Array(len) => behind.get(..len as usize).unwrap_or(behind),
            _ => &[],
        }
    }

    /// The bytes of its value if that is text, else 0.
    pub(crate) fn value_len(&self) -> usize {
        match self.value {
            RecordedValue::Text(value) => value.len(),
            _ => 0,
        }
    }

    /// The bytes of text that a copy within these limits takes.
    pub(crate) fn copied_len(&self, limits: &Limits) -> usize {
        let value = match self.value {
            RecordedValue::Text(value) => value.copied_len(limits.value_bytes),
            _ => 0,
        };
        self.key.copied_len(limits.name_bytes) + value
    }

    /// The number of its texts that are longer than the limits.
    pub(crate) fn cuts(&self, limits: &Limits) -> usize {
        usize::from(self.key_len() > limits.name_bytes)
            + usize::from(self.value_len() > limits.value_bytes)
    }

    /// Copies it into the batch whose text begins at `base`, cut to the limits.
    pub(crate) fn copy(&self, from: &str, text: &mut String, base: usize, limits: &Limits) -> Self {
        let key = match self.key {
            Text::Copied { .. } => self.key.moved(from, text, base, limits.name_bytes),
            own => own,
        };
        let value = match self.value {
            RecordedValue::Text(value) => {
                RecordedValue::Text(value.moved(from, text, base, limits.value_bytes))
            }
            other => other,
        };
        Self { key, value }
    }

    /// The end offset of its text, from the beginning of its batch's text.
    pub(crate) fn text_end(&self) -> usize {
        let value = match self.value {
            RecordedValue::Text(value) => value.end(),
            _ => 0,
        };
        self.key.end().max(value)
    }

    /// The bytes of its key if that is copied, else 0.
    pub(crate) fn key_len(&self) -> usize {
        self.key.copied_len(usize::MAX)
    }

    /// Moves the offsets of its text by `by` bytes.
    #[inline]
    pub(crate) fn shift(&mut self, by: u32) {
        self.key.shift(by);
        if let RecordedValue::Text(value) = &mut self.value {
            value.shift(by);
        }
    }
}

//! Recorded text: literals as pointers, other text as ranges of the trace's text.

use crate::text::truncated;

/// A recorded text: a pointer, or a range of the trace's text. 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    /// A literal of the program.
    Static(&'static str),
    /// A range in the text of its batch.
    Copied { at: u32, len: u32 },
}

impl Text {
    /// Copies a text. `base` is the offset of the batch's text; 0 for names, which belong to no batch.
    #[inline]
    pub(crate) fn copy(from: &str, text: &mut String, base: usize) -> Self {
        let at = (text.len() - base) as u32;
        text.push_str(from);
        Self::Copied {
            at,
            len: from.len() as u32,
        }
    }

    /// Copies a name of two parts, joined by a space, such as `GET /orders`.
    pub(crate) fn join(first: &str, second: &str, text: &mut String) -> Self {
        let (at, len) = (text.len() as u32, (first.len() + 1 + second.len()) as u32);
        text.push_str(first);
        text.push(' ');
        text.push_str(second);
        Self::Copied { at, len }
    }

    /// The length in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Static(text) => text.len(),
            Self::Copied { len, .. } => len as usize,
        }
    }

    /// Its end offset in the text that holds it.
    pub(crate) fn end(self) -> usize {
        match self {
            Self::Static(_) => 0,
            Self::Copied { at, len } => at as usize + len as usize,
        }
    }

    /// The bytes that a copy takes, cut to `max`; 0 for a literal.
    pub(crate) fn copied_len(self, max: usize) -> usize {
        match self {
            Self::Static(_) => 0,
            Self::Copied { len, .. } => max.min(len as usize),
        }
    }

    /// Copies it from the text of another table, cut to `max` bytes, with an offset counted from `base`.
    pub(crate) fn moved(self, from: &str, text: &mut String, base: usize, max: usize) -> Self {
        match self {
            Self::Static(own) => Self::Static(truncated(own, max)),
            Self::Copied { .. } => Self::copy(truncated(self.read(from), max), text, base),
        }
    }

    /// Moves the offset by `by` bytes; a literal has none.
    #[inline]
    pub(crate) fn shift(&mut self, by: u32) {
        if let Self::Copied { at, .. } = self {
            *at += by;
        }
    }

    /// The text. Empty if the range is invalid, which no code path creates: reading must not panic.
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

//! Interned text: each distinct text of the store is held, and counted, once.
//! Names, keys and values repeat from span to span. The store interns them when it inserts a span and releases them when it
//! evicts one.

use std::collections::HashSet;
use std::sync::Arc;

/// A text of the store. Clones stay inside the store, so that its count of holders is the number of uses. A clone
/// outside it would keep the text in the table after its last use.
pub(crate) type Text = Arc<str>;

/// The texts in use.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// Hashed by the standard library's keyed hash: the texts are chosen by strangers.
    texts: HashSet<Text>,
    /// Bytes of all texts, a part of the store's limit.
    bytes: usize,
}

/// Bytes of a text beside its characters: two counters, a pointer and a length, and the table's share. The value is
/// an estimate: it makes a store of many short texts reach its limit about when the process's memory does.
const OVERHEAD: usize = 64;

impl Interner {
    /// The text, held already or from now on.
    ///
    /// The caller releases it once for each use.
    ///
    /// A text that is held costs a lookup and no allocation.
    pub(crate) fn intern(&mut self, text: &str) -> Text {
        if let Some(held) = self.texts.get(text) {
            return Arc::clone(held);
        }
        let text: Text = Arc::from(text);
        self.bytes += text.len() + OVERHEAD;
        self.texts.insert(Arc::clone(&text));
        text
    }

    /// Gives a text back; the last use frees it.
    ///
    /// Takes the text by value: a caller that kept a clone would prevent the removal.
    pub(crate) fn release(&mut self, text: Text) {
        // one count is the table's own
        if Arc::strong_count(&text) == 2 {
            self.texts.remove(&text);
            self.bytes -= text.len() + OVERHEAD;
        }
    }

    /// Bytes that all texts take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets go of the room of a table that has become much too large.
    ///
    /// A table keeps its room after its texts are gone; the bounds leave slack, so that it is not moved at each eviction.
    pub(crate) fn shrink(&mut self) {
        if self.texts.capacity() > 4 * self.texts.len() + 1024 {
            self.texts.shrink_to(2 * self.texts.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_once_and_freed_by_its_last_use() {
        let mut texts = Interner::default();
        let first = texts.intern("db.query");
        let second = texts.intern("db.query");
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(texts.bytes(), 8 + OVERHEAD);
        texts.release(first);
        assert_eq!(texts.bytes(), 8 + OVERHEAD);
        texts.release(second);
        assert_eq!((texts.bytes(), texts.texts.len()), (0, 0));
    }
}

//! The content of a set of attributes: one batch, and the facts that show whether it can be copied in one piece.

use crate::attribute::table::{AttrRecord, AttrTable};

/// One batch of attributes, with the maxima that decide whether a span can take it unchanged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected {
    /// The attributes, in one batch.
    pub(crate) table: AttrTable,
    /// The number of attributes. Values of arrays do not count.
    pub(crate) len: usize,
    /// The bytes of the longest text value.
    pub(crate) longest: usize,
    /// The bytes of the longest copied key.
    pub(crate) longest_key: usize,
    /// The number of attributes that were dropped; each span that takes the set counts them.
    pub(crate) refused: usize,
}

impl Collected {
    /// Creates an empty one, without an allocation.
    pub(crate) const fn new() -> Self {
        Self {
            table: AttrTable::new(),
            len: 0,
            longest: 0,
            longest_key: 0,
            refused: 0,
        }
    }

    /// Removes all attributes, and keeps the capacity.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        (self.len, self.longest) = (0, 0);
        (self.longest_key, self.refused) = (0, 0);
    }

    /// The records of the first `most` attributes.
    pub(crate) fn first(&self, most: usize) -> &[AttrRecord] {
        let all = &self.table.attrs;
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

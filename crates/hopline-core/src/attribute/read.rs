//! Reads the attributes of a finished span or event, each key once.

use crate::attribute::table::{AttrRecord, AttrTable, NONE, STATUS_MESSAGE};
use crate::attribute::text::Text;
use crate::attribute::value_ref::ValueRef;

/// Iterates over a chain of batches, each key once. Of a key that was given twice the later value counts.
///
/// A filter of 64 bits finds the keys that may occur twice; only those are searched for among the attributes behind, so
/// that a span without duplicates is read in linear time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrIter<'a> {
    table: &'a AttrTable,
    /// The index of the first batch of the trace.
    origin: usize,
    /// The rest of the current batch, and its text.
    attrs: &'a [AttrRecord],
    text: &'a str,
    /// The next batch, counted from the origin.
    next: u32,
    /// The first batch of the chain behind those.
    then: u32,
    /// The bits that more than one key has.
    twice: u64,
}

impl<'a> AttrIter<'a> {
    /// The attributes of the batch at `shared` (baggage of the trace), then of `first` and of all batches chained to it.
    pub(crate) fn new(table: &'a AttrTable, origin: usize, shared: u32, first: u32) -> Self {
        let mut all = Self {
            table,
            origin,
            attrs: &[],
            text: "",
            next: shared,
            then: first,
            twice: 0,
        };
        let (mut rest, mut once) = (all, 0);
        while let Some((key, ..)) = rest.any() {
            let bit = bit_of(key.read(rest.text));
            all.twice |= once & bit;
            once |= bit;
        }
        all
    }

    /// The next attribute, also if its key occurs again.
    #[inline]
    fn any(&mut self) -> Option<(Text, &'a AttrRecord, &'a [AttrRecord])> {
        loop {
            if let Some((first, rest)) = self.attrs.split_first() {
                let values = first.values(rest);
                self.attrs = &rest[values.len()..];
                return Some((first.key, first, values));
            }
            if self.next == NONE {
                if self.then == NONE {
                    return None;
                }
                self.next = std::mem::replace(&mut self.then, NONE);
            }
            let at = self.origin + self.next as usize;
            (self.attrs, self.text) = self.table.of_batch(at);
            self.next = self.table.batches.get(at).map_or(NONE, |batch| batch.next);
        }
    }

    /// True if one of the attributes that follow has this key.
    fn comes_again(mut self, key: &str) -> bool {
        while let Some((other, ..)) = self.any() {
            if other.len() == key.len() && other.read(self.text) == key {
                return true;
            }
        }
        false
    }
}

impl<'a> Iterator for AttrIter<'a> {
    type Item = (&'a str, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, record, values) = self.any()?;
            let key = key.read(self.text);
            let once = self.twice & bit_of(key) == 0;
            if key != STATUS_MESSAGE && (once || !self.comes_again(key)) {
                return Some((key, record.read(values, self.text)));
            }
        }
    }
}

/// One of 64 bits, by length and first letter, in which the keys of a span mostly differ.
#[inline]
fn bit_of(key: &str) -> u64 {
    let first = key.as_bytes().first().copied().unwrap_or_default();
    1 << ((key.len() + 11 * usize::from(first)) & 63)
}

//! The flat records of a local trace: spans, events, links and losses in one vector each.
//! `engine::buffer` writes them, `export::batch` reads them.

use std::mem::size_of;

use crate::attribute::table::{AttrRecord, AttrTable, BatchRecord, NONE};
use crate::attribute::text::Text;
use crate::kind::SpanKind;
use crate::propagation::id::SpanId;
use crate::propagation::span_context::SpanContext;
use crate::time::tick::Tick;

/// One span. 64 bytes, a cache line, so starting and ending it touch one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanRecord {
    pub(crate) name: Text,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: Tick,
    pub(crate) end: Tick,
    /// Its attribute batches: the first, and the last, to which the next one is chained.
    pub(crate) first_batch: u32,
    pub(crate) last_batch: u32,
    /// The number of attributes, which the limit compares.
    pub(crate) attrs: u16,
    pub(crate) events: u16,
    pub(crate) links: u16,
    pub(crate) flags: SpanFlags,
    pub(crate) scope: u8,
}

/// Flags of a span, and in the upper bits its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanFlags(u8);

impl SpanFlags {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const FAILED: Self = Self(1);
    pub(crate) const ENDED: Self = Self(2);
    pub(crate) const REMOTE_PARENT: Self = Self(4);
    pub(crate) const LOCAL_ROOT: Self = Self(8);
    /// Its attributes include the shared batch of baggage.
    pub(crate) const BAGGAGE: Self = Self(16);

    #[inline]
    pub(crate) fn of_kind(self, kind: SpanKind) -> Self {
        Self(self.0 | (kind as u8) << KIND)
    }

    /// Returns the flags with another kind.
    pub(crate) fn with_kind(self, kind: SpanKind) -> Self {
        Self(self.0 & ((1 << KIND) - 1)).of_kind(kind)
    }

    #[inline]
    pub(crate) fn kind(self) -> SpanKind {
        match self.0 >> KIND {
            1 => SpanKind::Server,
            2 => SpanKind::Client,
            3 => SpanKind::Producer,
            4 => SpanKind::Consumer,
            _ => SpanKind::Internal,
        }
    }

    #[inline]
    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Sets a flag. False if it was set already.
    #[inline]
    pub(crate) fn set(&mut self, flag: Self) -> bool {
        let fresh = !self.has(flag);
        self.0 |= flag.0;
        fresh
    }

    #[inline]
    pub(crate) fn with(self, flag: Self, set: bool) -> Self {
        Self(self.0 | if set { flag.0 } else { 0 })
    }
}

/// The number of bits below the kind.
const KIND: u32 = 5;

/// One event. All events of a trace are in one vector, so a span without events pays two bytes for their count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventRecord {
    pub(crate) span: u32,
    pub(crate) name: Text,
    pub(crate) at: Tick,
    /// Its only attribute batch, or `NONE`.
    pub(crate) batch: u32,
    pub(crate) dropped_attrs: u32,
}

/// One link. Owns the tracestate of the linked span.
#[derive(Clone, Debug)]
pub(crate) struct LinkRecord {
    pub(crate) span: u32,
    pub(crate) to: SpanContext,
}

/// Counts of attributes, events and links dropped by limits. Kept apart from span records, because most spans drop
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) span: u32,
    pub(crate) attrs: u32,
    pub(crate) events: u32,
    pub(crate) links: u32,
}

/// The vectors of a local trace; also the body of a chunk of finished ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) table: AttrTable,
    pub(crate) events: Vec<EventRecord>,
    pub(crate) links: Vec<LinkRecord>,
    /// Ordered by span.
    pub(crate) dropped: Vec<Dropped>,
    /// The heap bytes that records own: the tracestates of links and of the parts of a chunk.
    pub(crate) owned: usize,
}

/// The start or end of the records of a trace in a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) spans: usize,
    pub(crate) batches: usize,
    pub(crate) events: usize,
    pub(crate) links: usize,
    pub(crate) dropped: usize,
}

impl Records {
    /// Removes all records, and keeps the capacity for the next trace.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.table.clear();
        self.events.clear();
        self.links.clear();
        self.dropped.clear();
        self.owned = 0;
    }

    /// The lengths of the vectors.
    pub(crate) fn ends(&self) -> Ends {
        Ends {
            spans: self.spans.len(),
            batches: self.table.batches.len(),
            events: self.events.len(),
            links: self.links.len(),
            dropped: self.dropped.len(),
        }
    }

    /// The size of its content, in bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<SpanRecord>() * self.spans.len()
            + size_of::<AttrRecord>() * self.table.attrs.len()
            + size_of::<BatchRecord>() * self.table.batches.len()
            + size_of::<EventRecord>() * self.events.len()
            + size_of::<LinkRecord>() * self.links.len()
            + size_of::<Dropped>() * self.dropped.len()
            + self.table.text.len()
            + self.owned
    }

    /// The approximate size of its content, in fewer steps.
    #[inline]
    pub(crate) fn about_bytes(&self) -> usize {
        let records =
            self.spans.len() + self.table.attrs.len() + self.events.len() + self.links.len();
        size_of::<SpanRecord>() * records + self.table.text.len() + self.owned
    }

    /// The bytes that it holds, unused capacity included.
    #[inline]
    pub(crate) fn capacity_bytes(&self) -> usize {
        size_of::<SpanRecord>() * self.spans.capacity()
            + size_of::<AttrRecord>() * self.table.attrs.capacity()
            + size_of::<BatchRecord>() * self.table.batches.capacity()
            + size_of::<EventRecord>() * self.events.capacity()
            + size_of::<LinkRecord>() * self.links.capacity()
            + size_of::<Dropped>() * self.dropped.capacity()
            + self.table.text.capacity()
            + self.owned
    }

    /// Appends the batch at `index` to a span's chain. Indices count from the batch at `origin`.
    #[inline]
    pub(crate) fn chain(&mut self, span: usize, index: u32, origin: usize) {
        let Some(span) = self.spans.get_mut(span) else {
            return;
        };
        if span.first_batch == NONE {
            span.first_batch = index;
        } else if let Some(last) = self
            .table
            .batches
            .get_mut(origin + span.last_batch as usize)
        {
            last.next = index;
        }
        span.last_batch = index;
    }

    /// The counts of the losses of the span at this index, created at the first loss.
    pub(crate) fn dropped_of(&mut self, at: usize) -> &mut Dropped {
        let span = at as u32;
        let found = self
            .dropped
            .binary_search_by_key(&span, |dropped| dropped.span);
        let index = found.unwrap_or_else(|index| {
            let none = Dropped {
                span,
                ..Dropped::default()
            };
            self.dropped.insert(index, none);
            index
        });
        &mut self.dropped[index]
    }
}

impl LinkRecord {
    /// The heap bytes that it owns.
    pub(crate) fn owned(&self) -> usize {
        self.to.tracestate().heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_small() {
        assert_eq!(size_of::<SpanRecord>(), 64);
        assert_eq!(size_of::<AttrRecord>(), 40);
        assert_eq!(size_of::<BatchRecord>(), 12);
    }

    #[test]
    fn marks_and_kind_do_not_touch_each_other() {
        let all = [
            SpanFlags::FAILED,
            SpanFlags::ENDED,
            SpanFlags::REMOTE_PARENT,
            SpanFlags::LOCAL_ROOT,
            SpanFlags::BAGGAGE,
        ];
        for kind in [
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
            SpanKind::Producer,
            SpanKind::Consumer,
        ] {
            let mut flags = SpanFlags::NONE.of_kind(kind);
            for flag in all {
                assert!(!flags.has(flag), "{kind:?} is no flag");
                assert!(flags.set(flag));
                assert_eq!(flags.kind(), kind);
                assert_eq!(flags.with_kind(SpanKind::Consumer).with_kind(kind), flags);
            }
        }
    }
}

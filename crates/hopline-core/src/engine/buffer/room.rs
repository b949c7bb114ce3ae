//! Memory limits of a buffer. They are checked only when a vector has to grow, so they cost nothing otherwise.

use crate::attribute::table::{AttrRecord, BatchRecord, NONE};
use crate::engine::buffer::TraceBuffer;
use crate::propagation::trace_state::TraceState;
use crate::record::records::{EventRecord, LinkRecord, Records, SpanRecord};

/// The bytes of a buffer besides its records: itself, its reference counts and lock, and a short tracestate.
const BUFFER_BYTES: usize = size_of::<TraceBuffer>() + 4 * size_of::<usize>() + SHORT_TRACESTATE;
/// The bytes of a tracestate that plans write, with a little room.
const SHORT_TRACESTATE: usize = 96;

/// The first capacities: enough for a request with a few calls.
const FIRST_SPANS: usize = 6;
const FIRST_ATTRS: usize = 32;
const FIRST_BATCHES: usize = 6;
const FIRST_TEXT: usize = 240;

impl TraceBuffer {
    /// True if there is room for a batch of `attrs` attributes, and for `text` bytes of text.
    pub(super) fn room(&mut self, attrs: usize, text: usize) -> bool {
        let r = &self.records;
        let fits = r.table.attrs.capacity() - r.table.attrs.len() >= attrs
            && r.table.text.capacity() - r.table.text.len() >= text
            && r.table.batches.capacity() > r.table.batches.len();
        fits || self.grow(attrs, text)
    }

    #[inline]
    pub(super) fn room_for_text(&mut self, text: usize) -> bool {
        text == 0 || self.room(0, text)
    }

    #[cold]
    pub(super) fn grow_spans(&mut self) -> bool {
        self.more_spans() || (self.cut() && (self.has_room_for_span() || self.more_spans()))
    }

    fn has_room_for_span(&self) -> bool {
        self.records.spans.len() < self.records.spans.capacity()
    }

    fn more_spans(&mut self) -> bool {
        let max = self
            .shared
            .as_deref()
            .map_or(0, |shared| shared.limits.spans_per_trace);
        let len = self.records.spans.len();
        if len >= max {
            return false;
        }
        let more = len.max(FIRST_SPANS).min(max - len);
        self.pay(more * size_of::<SpanRecord>(), |r| {
            r.spans.try_reserve_exact(more).is_ok()
        })
    }

    #[cold]
    fn grow(&mut self, attrs: usize, text: usize) -> bool {
        let r = &self.records;
        if r.table.attrs.capacity() - r.table.attrs.len() < attrs {
            let more = attrs.max(r.table.attrs.len()).max(FIRST_ATTRS);
            let bytes = more * size_of::<AttrRecord>();
            if !self.pay(bytes, |r| r.table.attrs.try_reserve_exact(more).is_ok()) {
                return false;
            }
        }
        let r = &self.records;
        if r.table.batches.capacity() == r.table.batches.len() {
            let more = r.table.batches.len().max(FIRST_BATCHES);
            let bytes = more * size_of::<BatchRecord>();
            if !self.pay(bytes, |r| r.table.batches.try_reserve_exact(more).is_ok()) {
                return false;
            }
        }
        let r = &self.records;
        if r.table.text.capacity() - r.table.text.len() < text {
            let more = text.max(r.table.text.len()).max(FIRST_TEXT);
            return self.pay(more, |r| r.table.text.try_reserve_exact(more).is_ok());
        }
        true
    }

    pub(super) fn room_for_event(&mut self) -> bool {
        let r = &self.records.events;
        if r.len() < r.capacity() {
            return true;
        }
        let more = r.len().max(4);
        self.pay(more * size_of::<EventRecord>(), |r| {
            r.events.try_reserve_exact(more).is_ok()
        })
    }

    /// Makes room for one more link that owns `owned` bytes on the heap.
    pub(super) fn room_for_link(&mut self, owned: usize) -> bool {
        self.room_for_link_record() && self.pay_for_owned(owned)
    }

    fn room_for_link_record(&mut self) -> bool {
        let r = &self.records.links;
        if r.len() < r.capacity() {
            return true;
        }
        let more = r.len().max(4);
        self.pay(more * size_of::<LinkRecord>(), |r| {
            r.links.try_reserve_exact(more).is_ok()
        })
    }

    /// Reserves bytes that a record owns on the heap. False if that exceeds a limit.
    pub(super) fn pay_for_owned(&mut self, bytes: usize) -> bool {
        bytes == 0
            || self.pay(bytes, |records| {
                records.owned += bytes;
                true
            })
    }

    /// Reserves bytes from the limit of the trace and the budget of the tracer, then grows a vector.
    fn pay(&mut self, bytes: usize, grow: impl FnOnce(&mut Records) -> bool) -> bool {
        let Some(shared) = &self.shared else {
            return false;
        };
        let before = self.paid_bytes();
        let bytes = if self.records.spans.capacity() == 0 {
            bytes + BUFFER_BYTES
        } else {
            bytes
        };
        if before + bytes > shared.limits.trace_bytes {
            // scheduled, because the caller holds the place of a record, which a cut would change
            self.cut_soon();
            return false;
        }
        if !shared.budget.take(bytes) {
            return false;
        }
        let grown = grow(&mut self.records);
        let paid = self.paid_bytes().saturating_sub(before);
        shared.budget.correct(bytes, paid);
        grown
    }

    /// The bytes that the trace has reserved, and returns at its end.
    pub(super) fn paid_bytes(&self) -> usize {
        paid_bytes(&self.records) + self.tracestate_bytes() + size_of_val(&*self.moved)
    }

    /// The bytes reserved for the tracestate of the trace. A short one is part of [`BUFFER_BYTES`], so that most traces
    /// need no reservation for it.
    #[inline]
    pub(super) fn tracestate_bytes(&self) -> usize {
        let bytes = self.tracestate.heap_bytes();
        if bytes > SHORT_TRACESTATE { bytes } else { 0 }
    }

    /// Reserves the bytes of the tracestate. Without room the trace has none.
    pub(super) fn pay_for_tracestate(&mut self) -> bool {
        let bytes = self.tracestate_bytes();
        let paid = self
            .shared
            .as_deref()
            .is_some_and(|shared| bytes <= shared.limits.trace_bytes && shared.budget.take(bytes));
        if !paid {
            self.tracestate = TraceState::EMPTY;
        }
        paid
    }

    /// Corrects the budget by what was reserved or released since `before`. Never refused.
    pub(super) fn correct(&self, before: usize) {
        if let Some(shared) = self.shared.as_deref() {
            shared.budget.correct(before, self.paid_bytes());
        }
    }

    /// Empties the records. Their heap allocations are returned to the budget; the vectors keep their capacity.
    #[inline]
    pub(super) fn clear(&mut self) {
        if self.records.owned > 0 || !self.moved.is_empty() {
            self.disown();
        }
        self.baggage = NONE;
        self.records.clear();
    }

    #[cold]
    fn disown(&mut self) {
        let before = self.paid_bytes();
        self.moved = Box::default();
        self.records.owned = 0;
        self.correct(before);
    }
}

/// The bytes reserved for a buffer with these records.
pub(crate) fn paid_bytes(records: &Records) -> usize {
    if records.spans.capacity() == 0 {
        return 0;
    }
    BUFFER_BYTES + records.capacity_bytes()
}

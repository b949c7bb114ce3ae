//! The cut of a long local trace: finished spans leave the buffer before the local root ends.
//!
//! Open spans move to the front of the buffer. The index of a span is then no longer the place of its record: the first
//! indices are looked up in `moved`, which is ordered, and the others follow from `base`.

use crate::attribute::table::{BatchRecord, NONE};
use crate::engine::buffer::{Phase, TraceBuffer};
use crate::record::chunk::Chunk;
use crate::record::records::{EventRecord, LinkRecord, SpanFlags, SpanRecord};
use crate::time::tick::Tick;

/// The most bytes of open spans that a cut moves for each finished span. A cut moves all open spans: with many open and
/// few finished ones, every end would otherwise pay for the whole trace, which is quadratic.
const MOVED_FOR_ONE: usize = 16 << 10;

impl TraceBuffer {
    /// Schedules a cut at the next end of a span, the only moment at which spans can be handed over and moved.
    #[cold]
    pub(super) fn cut_soon(&mut self) {
        self.cut_at = Tick::FIRST;
    }

    /// Cuts if the trace is certain to be kept, or if the room is needed, and schedules the next cut.
    #[cold]
    pub(super) fn cut_at_end(&mut self, now: Tick) {
        let soon = self.cut_at == Tick::FIRST;
        if soon || self.is_certain() {
            self.cut();
        }
        let age = self.shared.as_deref().map(|shared| shared.limits.trace_age);
        self.cut_at = now.after(age.unwrap_or_default());
    }

    /// Removes the finished spans: to the queue if the trace is certain to be kept; otherwise they are lost and counted.
    /// False if none has ended, or too few for the number of open ones.
    #[cold]
    pub(super) fn cut(&mut self) -> bool {
        let ended = self.records.spans.len() - self.open as usize;
        if ended == 0 || self.phase == Phase::Discarded || !self.is_worth_a_cut(ended) {
            return false;
        }
        let certain = self.is_certain();
        match self.phase {
            Phase::Open if certain => {
                self.send_ended();
                if self.due {
                    self.cut_soon();
                }
            }
            Phase::Open => self.lose_spans(ended as u32),
            // finished spans were handed over at their end
            Phase::Kept(_) | Phase::Discarded => {}
        }
        self.move_open();
        true
    }

    /// At shutdown: moves finished spans to the queue if the trace is certain to be kept, regardless of the cost. Returns
    /// the number of its open spans; 0 for a trace that may be discarded.
    pub(crate) fn cut_for_good(&mut self) -> u32 {
        // a buffer in the pool has no tracer
        if self.shared.is_none() {
            return 0;
        }
        let certain = self.phase == Phase::Open && self.is_certain();
        if certain && self.records.spans.len() > self.open as usize {
            self.send_ended();
            self.move_open();
        }
        match self.phase {
            Phase::Kept(_) => self.open,
            Phase::Open if certain => self.open,
            _ => 0,
        }
    }

    /// Copies the spans of the buffer to the end of a chunk, for a sink that shows running spans. Open spans end `now` in the
    /// copy.
    pub(crate) fn copy_running(&self, chunk: &mut Chunk, now: Tick) {
        let Some(trace) = self.finished().filter(|_| self.phase != Phase::Discarded) else {
            return;
        };
        let mut copies = self.records.select(self.baggage, |_| true);
        for span in copies.spans.iter_mut().filter(|span| !has_ended(span)) {
            span.end = now;
        }
        copies.sort();
        let text = chunk.records.table.text.len();
        chunk.records.append(&copies);
        chunk.close(&trace, shared_of(self.baggage), text);
    }

    /// True if this number of finished spans justifies moving the open ones. Otherwise computes the number that does, so
    /// that the answer is cheap until then.
    fn is_worth_a_cut(&mut self, ended: usize) -> bool {
        if ended < self.worth as usize {
            return false;
        }
        let paid = ended * MOVED_FOR_ONE;
        self.worth = 0;
        if self.records.bytes() > paid {
            let open = self.open_bytes();
            if open > paid {
                self.worth = u32::try_from(open.div_ceil(MOVED_FOR_ONE)).unwrap_or(u32::MAX);
                return false;
            }
        }
        true
    }

    /// About the bytes that a cut moves.
    fn open_bytes(&self) -> usize {
        let records = &self.records;
        let open = records.spans.iter().filter(|span| !has_ended(span));
        let of_span = |span: &SpanRecord| {
            let mut bytes = size_of::<SpanRecord>()
                + size_of::<EventRecord>() * usize::from(span.events)
                + size_of::<LinkRecord>() * usize::from(span.links);
            let mut next = span.first_batch;
            while let Some(batch) = records.table.batches.get(next as usize) {
                let (attrs, text) = records.table.of_batch(next as usize);
                bytes += size_of::<BatchRecord>() + size_of_val(attrs) + text.len();
                next = batch.next;
            }
            bytes
        };
        open.map(of_span).sum()
    }

    /// True if the trace is certain to be kept.
    pub(super) fn is_certain(&mut self) -> bool {
        self.flags.is_sampled() || self.promise()
    }

    /// Hands all ended spans to the queue.
    pub(super) fn send_ended(&mut self) {
        let ended = self.records.select(self.baggage, has_ended);
        self.send(ended);
    }

    fn move_open(&mut self) {
        let next = self.base.wrapping_add(self.records.spans.len() as u32);
        let open = self.records.select(self.baggage, |span| !has_ended(span));
        let spans = self.records.spans.iter().enumerate();
        let moved = spans.filter(|(_, span)| !has_ended(span));
        let moved: Box<[u32]> = moved.map(|(at, _)| self.index(at)).collect();
        let before = self.paid_bytes();
        // into the existing vectors, which keep their capacity
        self.records.clear();
        self.records.append(&open);
        self.baggage = shared_of(self.baggage);
        self.base = next.wrapping_sub(moved.len() as u32);
        self.moved = moved;
        self.correct(before);
    }

    /// The index of the span at this place.
    fn index(&self, at: usize) -> u32 {
        let moved = self.moved.get(at).copied();
        moved.unwrap_or_else(|| self.base.wrapping_add(at as u32))
    }

    /// The place of the span of this index, in a trace that was cut.
    #[cold]
    pub(super) fn place(&self, span: u32) -> Option<usize> {
        let at = span.wrapping_sub(self.base) as usize;
        if (self.moved.len()..self.records.spans.len()).contains(&at) {
            return Some(at);
        }
        // ordered relative to the first one, since indices wrap around
        let first = self.moved.first()?;
        let place = |index: &u32| index.wrapping_sub(*first);
        self.moved.binary_search_by_key(&place(&span), place).ok()
    }
}

/// The place of the shared batch in a copy of records: always the first.
pub(super) fn shared_of(batch: u32) -> u32 {
    if batch == NONE { NONE } else { 0 }
}

fn has_ended(span: &SpanRecord) -> bool {
    span.flags.has(SpanFlags::ENDED)
}

//! The cut of a local trace whose root does not end.
//!
//! What has ended leaves the buffer, what is open moves to its front. Then an index is no longer a record's place:
//! the first ones are looked up in `moved`, in which they stand in order, and the rest follow from `base`.

use crate::attribute::table::{BatchRecord, NONE};
use crate::engine::buffer::{Phase, State};
use crate::record::chunk::Chunk;
use crate::record::records::{EventRecord, LinkRecord, Marks, SpanRecord};
use crate::time::tick::Tick;

/// How many bytes that are open one span that has ended may cause to be moved. A cut moves all that is open: where much
/// of it meets little that has ended, each end would pay for the whole trace.
const MOVED_FOR_ONE: usize = 16 << 10;

impl State {
    /// At the next span's end: only there can finished spans be handed over, and places be changed.
    #[cold]
    pub(super) fn cut_soon(&mut self) {
        self.cut_at = Tick::FIRST;
    }

    /// What has ended may wait no longer, if it is certain that it is kept or its place is needed.
    #[cold]
    pub(super) fn cut_at_end(&mut self, now: Tick) {
        let soon = self.cut_at == Tick::FIRST;
        if soon || self.is_certain() {
            self.cut();
        }
        let age = self.shared.as_deref().map(|shared| shared.limits.trace_age);
        self.cut_at = now.after(age.unwrap_or_default());
    }

    /// Lets go of what has ended: to the queue where it is certain that the trace is kept, else it is lost and
    /// counted. False if nothing had ended, or too little for what is open to be moved.
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
            // they went out when they ended
            Phase::Kept(_) | Phase::Discarded => {}
        }
        self.move_open();
        true
    }

    /// At the tracer's end: what has ended goes to the queue, however much is open, if it is certain that the trace is
    /// kept. Gives how many spans of it are open; none of a trace that may be discarded.
    pub(crate) fn cut_for_good(&mut self) -> u32 {
        // one that lies in the pool has no tracer
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

    /// Copies the spans that are here to the end of a chunk, for a sink that shows what runs; those that are open end
    /// `now` in the copy.
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

    /// True if so many that have ended pay for the move of what is open. Where they do not, it is not asked again
    /// before there are enough.
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

    /// About how much a cut moves.
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

    /// True if the trace is kept whatever comes.
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
        // back into the vectors that are there, which are as large as they were
        self.records.clear();
        self.records.append(&open);
        self.baggage = shared_of(self.baggage);
        self.base = next.wrapping_sub(moved.len() as u32);
        self.moved = moved;
        self.correct(before);
    }

    /// What the span at this place is called.
    fn index(&self, at: usize) -> u32 {
        let moved = self.moved.get(at).copied();
        moved.unwrap_or_else(|| self.base.wrapping_add(at as u32))
    }

    /// Where the span of this index is, in a trace that was cut.
    #[cold]
    pub(super) fn place(&self, span: u32) -> Option<usize> {
        let at = span.wrapping_sub(self.base) as usize;
        if (self.moved.len()..self.records.spans.len()).contains(&at) {
            return Some(at);
        }
        // they are in order, but for the number where indices begin anew
        let first = self.moved.first()?;
        let place = |index: &u32| index.wrapping_sub(*first);
        self.moved.binary_search_by_key(&place(&span), place).ok()
    }
}

/// Where the batch that spans share is in a copy.
pub(super) fn shared_of(batch: u32) -> u32 {
    if batch == NONE { NONE } else { 0 }
}

fn has_ended(span: &SpanRecord) -> bool {
    span.marks.has(Marks::ENDED)
}

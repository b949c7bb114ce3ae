//! Finished spans on their way to the sinks.

use crate::buffer::State;
use crate::record::{BatchRecord, Ends, Marks, Records};
use crate::sync::Mutex;
use crate::tick::Anchor;
use crate::{TraceFlags, TraceId, TraceState};

/// Spans that make a chunk full.
const CHUNK_SPANS: usize = 512;
/// Bytes that make it full: offsets in its text have 32 bits, and a sink holds it for a while.
const CHUNK_BYTES: usize = 4 << 20;
/// Emptied chunks kept for the next ones: about what two sinks hold while they write.
const SPARES: usize = 16;

/// One chunk being filled. Bounded: whoever fills it hands it over.
///
/// Locked once for each kept local trace, for the length of a few copies. Lock order: trace, then queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Hand over at each local root's end, not only when a chunk is full.
    each_trace: bool,
    row: Mutex<Row>,
}

#[derive(Debug, Default)]
struct Row {
    filling: Chunk,
    spares: Vec<Chunk>,
}

impl Queue {
    pub(crate) fn new(each_trace: bool) -> Self {
        Self {
            each_trace,
            row: Mutex::default(),
        }
    }

    /// All ended spans of a trace whose local root has just ended. True if they are due at the sinks.
    #[inline]
    pub(crate) fn push_ended(&self, state: &State) -> bool {
        let mut row = self.row.lock();
        if state.open == 0 {
            row.filling.push_all(state);
        } else {
            row.filling.push_ended(state);
        }
        self.is_due(&row)
    }

    /// One span that ended after its local root. True if spans are due at the sinks.
    pub(crate) fn push_one(&self, state: &State, at: usize) -> bool {
        let mut row = self.row.lock();
        row.filling.push_one(state, at);
        self.is_due(&row)
    }

    /// The chunk that was being filled, unless it is empty.
    pub(crate) fn turn(&self) -> Option<Chunk> {
        let mut row = self.row.lock();
        if row.filling.parts.is_empty() {
            return None;
        }
        let fresh = row.spares.pop().unwrap_or_default();
        Some(std::mem::replace(&mut row.filling, fresh))
    }

    pub(crate) fn recycle(&self, mut chunk: Chunk) {
        chunk.parts.clear();
        chunk.records.clear();
        let mut row = self.row.lock();
        // one that a burst has made large is not kept for ever
        if row.spares.len() < SPARES && chunk.records.capacity_bytes() <= 2 * CHUNK_BYTES {
            row.spares.push(chunk);
        }
    }

    fn is_due(&self, row: &Row) -> bool {
        let records = &row.filling.records;
        self.each_trace || records.spans.len() >= CHUNK_SPANS || records.bytes() >= CHUNK_BYTES
    }
}

/// Finished spans of many local traces.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) parts: Vec<Part>,
    pub(crate) records: Records,
}

/// The records of one local trace in a chunk: from where the part before it ends to these ends.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) anchor: Anchor,
    /// Where its text begins.
    pub(crate) text: usize,
    pub(crate) ends: Ends,
}

impl Chunk {
    /// A whole trace: plain copies.
    fn push_all(&mut self, state: &State) {
        let (to, from) = (&mut self.records, &state.records);
        let (attrs, text) = (to.attrs.len() as u32, to.text.len());
        to.spans.extend_from_slice(&from.spans);
        to.attrs.extend_from_slice(&from.attrs);
        let moved = |batch: &BatchRecord| BatchRecord {
            attrs: batch.attrs + attrs,
            text: batch.text + text as u32,
            ..*batch
        };
        to.batches.extend(from.batches.iter().map(moved));
        to.events.extend_from_slice(&from.events);
        to.links.extend_from_slice(&from.links);
        to.dropped.extend_from_slice(&from.dropped);
        to.text.push_str(&from.text);
        self.close(state, text);
    }

    /// All spans that have ended, with what belongs to them; rare.
    fn push_ended(&mut self, state: &State) {
        let (origin, text) = (self.records.ends(), self.records.text.len());
        for (at, span) in state.records.spans.iter().enumerate() {
            if span.marks.has(Marks::ENDED) {
                self.records.copy_span(&state.records, at, &origin, text);
            }
        }
        self.close(state, text);
    }

    /// One span, with what belongs to it.
    fn push_one(&mut self, state: &State, at: usize) {
        let (origin, text) = (self.records.ends(), self.records.text.len());
        self.records.copy_span(&state.records, at, &origin, text);
        self.close(state, text);
    }

    #[inline]
    fn close(&mut self, state: &State, text: usize) {
        let Some(trace_id) = state.trace_id else {
            return;
        };
        self.parts.push(Part {
            trace_id,
            flags: state.flags,
            tracestate: state.tracestate.clone(),
            anchor: state.anchor,
            text,
            ends: self.records.ends(),
        });
    }
}

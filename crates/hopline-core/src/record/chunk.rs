//! Chunks: the finished spans of many local traces, on their way to the sinks.

use crate::attribute::table::NONE;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::TraceId;
use crate::propagation::trace_state::TraceState;
use crate::record::records::{Ends, Records, SpanFlags};
use crate::time::tick::Anchor;

/// The facts of a local trace that its finished spans share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: &'a TraceState,
    /// The conversion of its ticks to wall time.
    pub(crate) anchor: Anchor,
}

/// Finished spans of many local traces, in the vectors of one `Records`: the traces copied one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// One part for each trace, in the order of their records.
    pub(crate) parts: Vec<Part>,
    /// The records of all parts.
    pub(crate) records: Records,
}

/// The records of one local trace in a chunk: from where the part before it ends to these ends.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) anchor: Anchor,
    /// The batch that its spans share, counted from its first.
    pub(crate) baggage: u32,
    /// The offset of its text.
    pub(crate) text: usize,
    /// The ends of its records.
    pub(crate) ends: Ends,
}

impl Chunk {
    /// The bytes that it holds, heap allocations of its records included.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.records.capacity_bytes() + size_of::<Part>() * self.parts.capacity()
    }

    /// Copies one span of `from`, without events or links; `shared` is the batch of baggage there.
    pub(crate) fn push_one(
        &mut self,
        trace: &Finished<'_>,
        from: &Records,
        shared: u32,
        at: usize,
    ) {
        let to = &mut self.records;
        let (batches, text) = (to.table.batches.len(), to.table.text.len());
        let Some(span) = from.spans.get(at) else {
            return;
        };
        let mut baggage = NONE;
        if span.flags.has(SpanFlags::BAGGAGE) {
            baggage = to.copy_shared(from, shared);
        }
        to.copy_span(from, span, batches, text);
        to.copy_dropped(from, at, 0);
        self.close(trace, baggage, text);
    }

    /// Declares the records appended last as the part of this trace.
    #[inline]
    pub(crate) fn close(&mut self, trace: &Finished<'_>, baggage: u32, text: usize) {
        self.records.owned += trace.tracestate.heap_bytes();
        self.parts.push(Part {
            trace_id: trace.trace_id,
            flags: trace.flags,
            tracestate: trace.tracestate.clone(),
            anchor: trace.anchor,
            baggage,
            text,
            ends: self.records.ends(),
        });
    }
}

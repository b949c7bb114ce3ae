//! The queue of finished spans on their way to the sinks: one chunk being filled, and large traces beside it.

use crate::record::chunk::{Chunk, Finished};
use crate::record::records::Records;
use crate::sync::Mutex;

/// The number of spans at which a chunk is full.
const CHUNK_SPANS: usize = 512;
/// The bytes at which a chunk is full: offsets in its text have 32 bits, and a sink holds it for a while.
const CHUNK_BYTES: usize = 4 << 20;
/// The most empty chunks that are kept: about the number that two sinks hold while they write.
const SPARES: usize = 16;
/// The most bytes of empty chunks, so that the memory of a burst is not held forever.
const SPARE_BYTES: usize = 8 << 20;

/// The queue of a tracer. Bounded: the thread that fills a chunk hands everything to the sinks.
///
/// A lock, taken once for each kept local trace, for a few copies; large traces are moved instead of copied. Lock order:
/// trace, then queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// True to hand over at the end of each local root, not only when a chunk is full.
    each_trace: bool,
    row: Mutex<Row>,
}

/// The content of the queue, behind its lock.
#[derive(Debug, Default)]
struct Row {
    /// The chunk being filled.
    filling: Chunk,
    /// Chunks of one large trace each, and the number of spans and bytes of all of them.
    large: Vec<Chunk>,
    large_spans: usize,
    large_bytes: usize,
    /// Empty chunks for later use.
    spares: Vec<Chunk>,
}

impl Queue {
    /// Creates a queue. `each_trace` if one of the sinks wants each trace by itself.
    pub(crate) fn new(each_trace: bool) -> Self {
        Self {
            each_trace,
            row: Mutex::default(),
        }
    }

    /// Adds finished spans of a trace, which share the batch at `baggage`. True if spans are due at the sinks.
    #[inline]
    pub(crate) fn push(&self, trace: &Finished<'_>, records: &Records, baggage: u32) -> bool {
        let mut row = self.row.lock();
        let text = row.filling.records.table.text.len();
        row.filling.records.append(records);
        row.filling.close(trace, baggage, text);
        self.is_due(&row)
    }

    /// Adds one span that ended after its local root, without events or links. True if spans are due at the sinks.
    pub(crate) fn push_one(
        &self,
        trace: &Finished<'_>,
        records: &Records,
        baggage: u32,
        at: usize,
    ) -> bool {
        let mut row = self.row.lock();
        row.filling.push_one(trace, records, baggage, at);
        self.is_due(&row)
    }

    /// Adds a large trace by moving its records, so that the lock is not held for a large copy. True if spans are due at
    /// the sinks.
    #[cold]
    pub(crate) fn push_large(&self, trace: &Finished<'_>, records: Records, baggage: u32) -> bool {
        let mut chunk = Chunk {
            parts: Vec::with_capacity(1),
            records,
        };
        chunk.close(trace, baggage, 0);
        let mut row = self.row.lock();
        row.large_spans += chunk.records.spans.len();
        row.large_bytes += chunk.capacity_bytes();
        row.large.push(chunk);
        self.is_due(&row)
    }

    /// Takes everything: the chunk being filled, unless it is empty, and the large ones.
    pub(crate) fn turn(&self) -> impl Iterator<Item = Chunk> + use<> {
        let mut row = self.row.lock();
        let large = std::mem::take(&mut row.large);
        (row.large_spans, row.large_bytes) = (0, 0);
        let filled = (!row.filling.parts.is_empty()).then(|| {
            let fresh = row.spares.pop().unwrap_or_default();
            std::mem::replace(&mut row.filling, fresh)
        });
        filled.into_iter().chain(large)
    }

    /// Keeps an empty chunk for later, unless there are enough of them.
    pub(crate) fn recycle(&self, mut chunk: Chunk) {
        chunk.parts.clear();
        chunk.records.clear();
        let bytes = chunk.capacity_bytes();
        let mut row = self.row.lock();
        let spare: usize = row.spares.iter().map(Chunk::capacity_bytes).sum();
        if row.spares.len() < SPARES && spare + bytes <= SPARE_BYTES {
            row.spares.push(chunk);
        }
    }

    /// True if the chunk is full, or each trace is handed over by itself.
    fn is_due(&self, row: &Row) -> bool {
        let filling = &row.filling;
        self.each_trace
            || filling.records.spans.len() + row.large_spans >= CHUNK_SPANS
            || filling.records.about_bytes() + row.large_bytes >= CHUNK_BYTES
    }
}

//! The spans of this process that have not ended.
//! The sinks add their tracers; the API copies what runs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hopline_core::export::Source;
use parking_lot::Mutex;

use crate::store::entry::Running;

/// The tracers of the viewer's sinks, from which running spans are copied.
///
/// A copy is made only while a reader follows or asks for a list, so it costs nothing otherwise.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Locked to add a tracer and to look at all; one for each sink. Held for a copy of at most `MAX` spans, and
    /// never while the store is locked.
    sources: Mutex<Vec<Source>>,
    /// Relaxed: a counter that orders nothing else.
    dropped: AtomicU64,
}

impl Opened {
    /// Adds the tracer of a sink.
    pub(crate) fn add(&self, source: Source) {
        self.sources.lock().push(source);
    }

    /// Counts spans that were dropped because the queue of their sink was full.
    pub(crate) fn count_dropped(&self, spans: u64) {
        self.dropped.fetch_add(spans, Relaxed);
    }

    /// Spans that were dropped because the queue was full.
    ///
    /// The API shows the number as `queueDropped`.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Looks at what runs; `None` if there is no tracer.
    ///
    /// Sources whose tracer was dropped are removed. Spans beyond `MAX` are left out of the copy, and appear when
    /// they end.
    pub(crate) fn spans(&self) -> Option<Vec<Running>> {
        /// Spans of all tracers: more than a person looks at. The bound limits time and memory of a
        /// copy.
        const MAX: usize = 10_000;
        let mut sources = self.sources.lock();
        if sources.is_empty() {
            return None;
        }
        let mut spans = Vec::new();
        sources.retain(|source| {
            let running = source.running(MAX.saturating_sub(spans.len()));
            let is_alive = running.is_some();
            if let Some(batch) = running {
                spans.extend(batch.spans().map(|span| Running {
                    span: span.to_data(),
                    is_open: span.is_open(),
                }));
            }
            is_alive
        });
        Some(spans)
    }
}

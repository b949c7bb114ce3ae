//! State that the exporter's handles and the export thread share.
//!
//! The handles offer batches to the queue; the thread takes them from it. Tracers collect spans into batches, so before a
//! flush and before each request the tracers hand over their partial ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hopline_core::export::Source;

use crate::queue::Queue;

/// The queue, and the tracers that export through it.
///
/// It outlives both sides: handles dropped before the thread has ended leave it to the thread, and the reverse.
#[derive(Debug)]
pub(super) struct ExportState {
    /// Finished spans, bounded.
    pub(super) queue: Queue,
    // A plain lock: written when a tracer starts or is dropped, and held for one copy. Bounded by the tracers of the
    // process that use this exporter.
    sources: Mutex<Vec<Arc<Source>>>,
}

impl ExportState {
    /// State without tracers.
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            sources: Mutex::default(),
        }
    }

    /// Adds a tracer, from `Sink::start`. It is removed after it is gone, by [`hand_over`](Self::hand_over).
    pub(super) fn add(&self, source: Source) {
        self.sources().push(Arc::new(source));
    }

    /// Makes each tracer hand over the batch that it collects, and removes tracers that are gone.
    ///
    /// A tracer's call to `Sink::accept` adds to the queue, so the spans are in the next request. The calls are made on this
    /// thread, one after the other.
    pub(super) fn hand_over(&self) {
        // a tracer calls back into `Sink::accept`, so no lock is held
        let mut gone = self.sources().clone();
        gone.retain(|source| !source.hand_over());
        if !gone.is_empty() {
            self.sources()
                .retain(|source| !gone.iter().any(|gone| Arc::ptr_eq(gone, source)));
        }
    }

    /// The tracers, locked.
    fn sources(&self) -> MutexGuard<'_, Vec<Arc<Source>>> {
        // no panic can leave the list half changed, so a poisoned lock is used
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Counts of what a tracer did and lost.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What a tracer has done and lost since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Finished spans given to the sinks.
    pub handed_over: u64,
    /// Spans of local traces that were discarded at their end, counted when the last handle to the trace is gone.
    ///
    /// What was started is then `handed_over`, `discarded` or in `lost_spans`, once a flush has handed over the rest.
    pub discarded: u64,
    /// Local traces that could not be recorded for want of memory.
    pub lost_traces: u64,
    /// Spans lost to a limit of their trace or of the process, the roots of `lost_traces` among them.
    pub lost_spans: u64,
    /// Attributes, events and links lost to a limit, or refused because they have no name.
    pub lost_details: u64,
    /// Names, keys and values that were cut to a limit.
    pub cut_texts: u64,
    /// Local traces that began after the tracer was shut down.
    pub after_shutdown: u64,
    /// Traces that their share would have taken, but not the plan's budget.
    pub over_budget: u64,
    /// Failed traces that were not sampled and not kept, because the rate of the plan's `keep errors` was exceeded.
    pub errors_let_go: u64,
    /// Panics of sinks, of the sampler, of closures for attributes and of `Display` of errors. All were contained.
    pub panics: u64,
    /// Slow traces that were not sampled and not kept, because the rate of the plan's `keep slower` was exceeded.
    pub slow_let_go: u64,
    /// Spans of kept traces that had not ended when the tracer was shut down.
    pub unfinished: u64,
    /// Bytes that buffers hold now.
    pub buffer_bytes: usize,
}

// Plain counters: each is read by itself, so no ordering between them is needed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) handed_over: AtomicU64,
    pub(crate) lost_traces: AtomicU64,
    pub(crate) lost_spans: AtomicU64,
    pub(crate) lost_details: AtomicU64,
    pub(crate) cut_texts: AtomicU64,
    pub(crate) after_shutdown: AtomicU64,
    pub(crate) over_budget: AtomicU64,
    pub(crate) errors_let_go: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) unfinished: AtomicU64,
    pub(crate) slow_let_go: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, budget: &Budget, discarded: u64) -> Stats {
        Stats {
            discarded,
            handed_over: self.handed_over.load(Relaxed),
            lost_traces: self.lost_traces.load(Relaxed),
            lost_spans: self.lost_spans.load(Relaxed),
            lost_details: self.lost_details.load(Relaxed),
            cut_texts: self.cut_texts.load(Relaxed),
            after_shutdown: self.after_shutdown.load(Relaxed),
            over_budget: self.over_budget.load(Relaxed),
            errors_let_go: self.errors_let_go.load(Relaxed),
            panics: self.panics.load(Relaxed),
            unfinished: self.unfinished.load(Relaxed),
            slow_let_go: self.slow_let_go.load(Relaxed),
            buffer_bytes: budget.used.load(Relaxed),
        }
    }
}

/// Bytes that all buffers may hold together. Touched only when a vector grows or is freed.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    pub(crate) fn take(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, within).is_ok()
    }

    /// What was taken turned out to be another number: an allocator may round up.
    pub(crate) fn correct(&self, taken: usize, used: usize) {
        if used > taken {
            self.used.fetch_add(used - taken, Relaxed);
        } else {
            self.give(taken - used);
        }
    }

    /// Takes what is there already: a loss must be told when there is nothing left to pay with.
    pub(crate) fn owe(&self, bytes: usize) {
        self.used.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

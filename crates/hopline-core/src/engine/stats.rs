//! Counts of what a tracer recorded and lost, and the memory budget of its buffers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Counts of a tracer since it was built, by [`Tracer::stats`](crate::Tracer::stats).
///
/// Every started span of a recorded trace is in `handed_over`, `discarded`, `lost_spans` or `unfinished`, once its trace
/// has ended and a flush has handed over the rest.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
///
/// let tracer = Tracer::builder().plan("* 0%; keep errors".parse()?).build();
/// SpanBuilder::new("fine").tracer(&tracer).parent(Incoming::default()).start().end();
/// let failing = SpanBuilder::new("failing").tracer(&tracer).parent(Incoming::default()).start();
/// failing.fail("refused");
/// failing.end();
/// let stats = tracer.stats();
/// assert_eq!((stats.discarded, stats.lost_spans), (1, 0));
/// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Finished spans handed to the sinks.
    pub handed_over: u64,
    /// Spans of local traces that the plan discarded at their end. Counted when the last handle to the trace is dropped.
    pub discarded: u64,
    /// Local traces dropped because the memory limit was reached ([`Limits::total_bytes`](crate::Limits)).
    pub lost_traces: u64,
    /// Spans dropped by a limit of their trace or of the tracer, including the roots of `lost_traces`.
    pub lost_spans: u64,
    /// Attributes, events and links dropped by a limit, or refused because they have no name.
    pub lost_details: u64,
    /// Names, keys and values that were cut to a limit.
    pub cut_texts: u64,
    /// Local traces that started after shutdown.
    pub after_shutdown: u64,
    /// Traces that their probability would have sampled, but not the budget of the plan.
    pub over_budget: u64,
    /// Failed traces that were not sampled and not kept, because the rate of `keep errors` was exceeded.
    pub errors_let_go: u64,
    /// Panics of sinks, of the sampler, of closures for attributes and of `Display` of errors. All were contained.
    pub panics: u64,
    /// Slow traces that were not sampled and not kept, because the rate of `keep slower` was exceeded.
    pub slow_let_go: u64,
    /// Spans of kept traces that had not ended when the tracer was shut down.
    pub unfinished: u64,
    /// Bytes that the buffers of open traces hold now.
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

/// The bytes that all buffers may hold together. Updated only when a vector grows or is freed, so an ordinary span does
/// not touch it.
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

    /// Corrects a reservation to the bytes that were allocated: an allocator may round up.
    pub(crate) fn correct(&self, taken: usize, used: usize) {
        if used > taken {
            self.used.fetch_add(used - taken, Relaxed);
        } else {
            self.give(taken - used);
        }
    }

    /// Adds bytes beyond the limit: the record of a loss must be written when the budget is used up.
    pub(crate) fn owe(&self, bytes: usize) {
        self.used.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

//! The handle to the buffer of a local trace, held by spans and contexts.

use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use crate::attribute::value::Attr;
use crate::engine::buffer::end::Ended;
use crate::engine::buffer::room::paid_bytes;
use crate::engine::buffer::{SpanStart, StartError, TraceBuffer, TraceStart};
use crate::engine::shared::Shared;
use crate::notice::line::notify;
use crate::propagation::extras::Extras;
use crate::propagation::id::SpanId;
use crate::record::chunk::Chunk;
use crate::record::records::Records;
use crate::sampling::kept::Kept;
use crate::sync::{Arc, Mutex, MutexGuard};

/// A handle to the buffer of a local trace, if there is one. The last handle returns the buffer to the pool.
///
/// One lock for each local trace, because spans of one trace rarely run at the same time, and spans of different traces
/// do. Held for a few copies; only code of this crate runs under it. Lock order: trace, then queue.
#[derive(Clone, Debug)]
pub(crate) struct TraceRef(Option<Arc<Mutex<TraceBuffer>>>);

impl TraceRef {
    /// No buffer: nothing is recorded.
    pub(crate) const NONE: Self = Self(None);

    /// Starts a local trace and its local root, in a buffer of the pool or in a new one.
    #[inline]
    pub(crate) fn begin(
        shared: &StdArc<Shared>,
        trace_start: TraceStart<'_>,
        span_start: &SpanStart<'_>,
        extras: Option<&Extras>,
        attrs: &[Attr<'_>],
    ) -> Result<(Self, u32, SpanId), StartError> {
        let buffer = shared
            .pool
            .pop()
            .unwrap_or_else(|| shared.traces.made(TraceBuffer::new(Records::default())));
        let opened = buffer
            .lock()
            .begin(shared, trace_start, span_start, extras, attrs);
        let trace = Self(Some(buffer));
        opened.map(|(span, id)| (trace, span, id))
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn lock(&self) -> Option<MutexGuard<'_, TraceBuffer>> {
        self.0.as_deref().map(Mutex::lock)
    }

    /// Ends a span with its last attributes, and hands finished spans to the sinks if they are due.
    #[inline]
    pub(crate) fn end(&self, span: u32, at: Option<SystemTime>, attrs: &[Attr<'_>]) {
        let Some(buffer) = &self.0 else { return };
        let mut state = buffer.lock();
        if !attrs.is_empty() {
            state.set(span, attrs);
        }
        let ended = state.end(span, at, Arc::strong_count(buffer) > 1);
        // releases the lock before sinks run
        drop(state);
        if let Some(ended) = ended {
            settle(ended);
        }
    }
}

impl TraceRef {
    /// Ends a span, and gives its duration if it is recorded.
    pub(crate) fn end_timed(&self, span: u32) -> Option<Duration> {
        let buffer = self.0.as_ref()?;
        let mut state = buffer.lock();
        let (duration, ended) = state.end_timed(span, Arc::strong_count(buffer) > 1)?;
        // releases the lock before sinks run
        drop(state);
        if let Some(ended) = ended {
            settle(ended);
        }
        Some(duration)
    }
}

impl Drop for TraceRef {
    /// Only the last holder sees a count of one, and nothing but the end of the tracer can clone it meanwhile. Two holders
    /// that drop at the same time may both see two: then the buffer is freed instead of pooled, which costs an allocation
    /// later and nothing else.
    #[inline]
    fn drop(&mut self) {
        let is_last = |buffer: &Arc<_>| Arc::strong_count(buffer) == 1;
        if self.0.as_ref().is_some_and(is_last)
            && let Some(buffer) = self.0.take()
        {
            recycle(buffer);
        }
    }
}

/// At shutdown: moves the finished spans of open traces to the queue if their trace is certain to be kept, and counts the
/// open spans.
pub(crate) fn finish_open_traces(shared: &Shared) {
    let live = shared.traces.live();
    // as handles, so that the last one returns its buffer to the pool
    let buffers: Vec<TraceRef> = live
        .into_iter()
        .map(|buffer| TraceRef(Some(buffer)))
        .collect();
    let open = |trace: &TraceRef| trace.lock().map_or(0, |mut state| state.cut_for_good());
    let open: u64 = buffers.iter().map(open).map(u64::from).sum();
    if open > 0 {
        shared.counters.unfinished.fetch_add(open, Relaxed);
        notify("unfinished", || {
            format!(
                "{open} spans had not ended when telemetry was shut down, and are not exported; the finished spans of \
                 their traces are. Requests were still in progress, such as a stream of events: shut telemetry down \
                 after the server has drained"
            )
        });
    }
}

/// Copies the spans of open traces, up to about `max`.
pub(crate) fn running(shared: &Shared, max: usize) -> Chunk {
    let mut chunk = Chunk::default();
    let now = shared.clock.now();
    for buffer in shared.traces.live() {
        // as a handle, so that the last one returns its buffer to the pool
        let trace = TraceRef(Some(buffer));
        if chunk.records.spans.len() < max
            && let Some(state) = trace.lock().filter(|state| state.open > 0)
        {
            state.copy_running(&mut chunk, now);
        }
    }
    chunk
}

/// Returns the buffer of a trace without handles to the pool.
#[inline(never)] // runs once per trace; inlined, its code would slow the end of every span
fn recycle(buffer: Arc<Mutex<TraceBuffer>>) {
    let mut state = buffer.lock();
    let Some((shared, discarded)) = state.recycle() else {
        return;
    };
    let bytes = paid_bytes(&state.records);
    drop(state);
    if !shared.pool.push(bytes, buffer, discarded, &shared.limits) {
        shared.budget.give(bytes);
    }
}

/// Completes the end of a span outside the lock: refills the pool, hands spans to the sinks, gives notices.
#[cold]
fn settle(ended: Ended) {
    let Ended {
        shared,
        due,
        let_go,
        records,
    } = ended;
    if let Some(records) = records {
        let bytes = paid_bytes(&records);
        let buffer = shared.traces.made(TraceBuffer::new(*records));
        if !shared.pool.push(bytes, buffer, 0, &shared.limits) {
            shared.budget.give(bytes);
        }
    }
    if due {
        shared.hand_over();
    }
    match let_go {
        Some(Kept::Slow) => notify("slow", || {
            "slow traces were discarded: more than the plan's `keep slower` rate (see Stats::slow_let_go)"
                .to_owned()
        }),
        Some(_) => notify("errors", || {
            "failed traces were discarded: more than the plan's `keep errors` rate (see Stats::errors_let_go)"
                .to_owned()
        }),
        None => {}
    }
}

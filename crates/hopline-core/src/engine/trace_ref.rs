//! The handle to a local trace that spans and contexts hold.

use std::sync::Arc as StdArc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use crate::attribute::value::Attr;
use crate::engine::buffer::end::Ended;
use crate::engine::buffer::room::paid_bytes;
use crate::engine::buffer::{Beginning, Opening, Refused, State};
use crate::engine::shared::Shared;
use crate::notice::line::notify;
use crate::propagation::extras::Extras;
use crate::propagation::id::SpanId;
use crate::record::chunk::Chunk;
use crate::record::records::Records;
use crate::sampling::kept::Kept;
use crate::sync::{Arc, Mutex, MutexGuard};

/// Keeps the local trace's buffer, if there is one; the last one to go puts it back into the pool.
///
/// The lock is held for the length of a few copies and no code but ours runs under it. Lock order: trace, then queue.
#[derive(Clone, Debug)]
pub(crate) struct TraceRef(Option<Arc<Mutex<State>>>);

impl TraceRef {
    /// Of nothing that is recorded.
    pub(crate) const NONE: Self = Self(None);

    /// A buffer of the pool, or a new one, as a new local trace with its local root.
    #[inline]
    pub(crate) fn begin(
        shared: &StdArc<Shared>,
        beginning: Beginning<'_>,
        opening: &Opening<'_>,
        extras: Option<&Extras>,
        attrs: &[Attr<'_>],
    ) -> Result<(Self, u32, SpanId), Refused> {
        let buffer = shared
            .pool
            .pop()
            .unwrap_or_else(|| shared.traces.made(State::new(Records::default())));
        let opened = buffer
            .lock()
            .begin(shared, beginning, opening, extras, attrs);
        let trace = Self(Some(buffer));
        opened.map(|(span, id)| (trace, span, id))
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn lock(&self) -> Option<MutexGuard<'_, State>> {
        self.0.as_deref().map(Mutex::lock)
    }

    /// Ends a span with its last attributes, and hands finished spans over if that made them due.
    #[inline]
    pub(crate) fn end(&self, span: u32, at: Option<SystemTime>, attrs: &[Attr<'_>]) {
        let Some(buffer) = &self.0 else { return };
        let mut state = buffer.lock();
        if !attrs.is_empty() {
            state.set(span, attrs);
        }
        let ended = state.end(span, at, Arc::strong_count(buffer) > 1);
        // the sinks run after the lock was released
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
        // the sinks run after the lock was released
        drop(state);
        if let Some(ended) = ended {
            settle(ended);
        }
        Some(duration)
    }
}

impl Drop for TraceRef {
    /// Only the last holder sees a count of one, so no one else can clone it meanwhile, but for the end of the tracer.
    /// Two holders that go at the same moment may both see two: then the buffer is freed, not pooled.
    #[inline]
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take()
            && Arc::strong_count(&buffer) == 1
        {
            recycle(buffer);
        }
    }
}

/// At the end of a tracer: the finished spans of traces that go on are given to the queue, if it is certain that their
/// trace is kept; the others are counted.
pub(crate) fn finish_open_traces(shared: &Shared) {
    let live = shared.traces.live();
    // as handles, of which the last one returns its buffer
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
                "{open} spans had not ended when telemetry was shut down, and are not exported: something is still \
                 served, such as a stream of events; what had finished in their traces is exported. Shut telemetry \
                 down after the server has drained"
            )
        });
    }
}

/// Copies the spans of traces that go on, up to about `max`.
pub(crate) fn running(shared: &Shared, max: usize) -> Chunk {
    let mut chunk = Chunk::default();
    let now = shared.clock.now();
    for buffer in shared.traces.live() {
        // as a handle, of which the last one returns its buffer
        let trace = TraceRef(Some(buffer));
        if chunk.records.spans.len() < max
            && let Some(state) = trace.lock().filter(|state| state.open > 0)
        {
            state.copy_running(&mut chunk, now);
        }
    }
    chunk
}

/// Puts the buffer of a trace that nobody holds any more into the pool.
#[inline(never)] // one of many ends of spans: the others are not to carry its weight
fn recycle(buffer: Arc<Mutex<State>>) {
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

/// What is left to do after a span's end, outside the lock.
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
        let buffer = shared.traces.made(State::new(*records));
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

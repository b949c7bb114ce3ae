//! The handle to a local trace that spans and contexts hold, and the pool its buffers return to.

use std::sync::Arc as StdArc;
use std::time::{Duration, SystemTime};

use crate::SpanId;
use crate::buffer::{Beginning, Ended, Opening, Refused, State, paid_bytes};
use crate::context::Extras;
use crate::kind::Kept;
use crate::limits::{Limits, MAX_POOLED, POOLED_BYTES};
use crate::notice::notify;
use crate::record::Records;
use crate::shared::Shared;
use crate::sync::{Arc, Mutex, MutexGuard, Weak, downgrade};
use crate::value::Attr;

/// Empty buffers of one tracer, last in first out: the next trace gets the one still in the cache.
///
/// Locked for one push or pop; bounded by `MAX_POOLED` buffers of `POOLED_BYTES`, and by a quarter of the
/// tracer's bytes, so that what lies idle cannot starve what runs.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<(usize, Arc<Mutex<State>>)>,
    bytes: usize,
    /// Spans that were in traces of which nothing is left. Counted here because the lock is taken anyway.
    discarded: u64,
}

impl Pool {
    #[inline]
    fn pop(&self) -> Option<Arc<Mutex<State>>> {
        let mut idle = self.0.lock();
        let (bytes, buffer) = idle.buffers.pop()?;
        idle.bytes -= bytes;
        Some(buffer)
    }

    /// False if there is no room for it; then it is freed.
    #[inline]
    fn push(
        &self,
        bytes: usize,
        buffer: Arc<Mutex<State>>,
        discarded: u32,
        limits: &Limits,
    ) -> bool {
        let mut idle = self.0.lock();
        idle.discarded += u64::from(discarded);
        let fits = bytes > 0
            && bytes <= POOLED_BYTES
            && idle.buffers.len() < MAX_POOLED
            && idle.bytes + bytes <= limits.total_bytes / 4;
        if fits {
            idle.bytes += bytes;
            idle.buffers.push((bytes, buffer));
        }
        fits
    }

    /// Counts spans of a buffer that is freed.
    pub(crate) fn discard(&self, spans: u32) {
        self.0.lock().discarded += u64::from(spans);
    }

    pub(crate) fn discarded(&self) -> u64 {
        self.0.lock().discarded
    }
}

/// All buffers of one tracer, in use or idle, for its end: what has finished in a trace that goes on is to be found.
///
/// Locked when a buffer is made, which an empty pool does, for a push. Bounded by twice the buffers there are.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    buffers: Vec<Weak<Mutex<State>>>,
    /// How many there may be before those that are gone are sought.
    worth: usize,
}

impl Traces {
    #[cold]
    fn made(&self, state: State) -> Arc<Mutex<State>> {
        let buffer = Arc::new(Mutex::new(state));
        let mut made = self.0.lock();
        if made.buffers.len() >= made.worth {
            made.buffers.retain(|buffer| buffer.strong_count() > 0);
            made.worth = 2 * made.buffers.len() + 32;
        }
        made.buffers.push(downgrade(&buffer));
        buffer
    }

    /// Lets what has finished go to the queue, where it is certain that its trace is kept. Gives how many spans of such
    /// traces have not ended.
    pub(crate) fn finish(&self) -> u64 {
        let buffers: Vec<TraceRef> = {
            let made = self.0.lock();
            let live = made.buffers.iter().filter_map(Weak::upgrade);
            live.map(|buffer| TraceRef(Some(buffer))).collect()
        };
        let open = |trace: &TraceRef| trace.lock().map_or(0, |mut state| state.cut_for_good());
        buffers.iter().map(open).map(u64::from).sum()
    }
}

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

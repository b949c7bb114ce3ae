//! The handle to a local trace that spans and contexts hold, and the pool its buffers return to.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};

use crate::buffer::{Beginning, State};
use crate::limits::{Limits, MAX_POOLED, POOLED_BYTES};
use crate::notice::notify;
use crate::shared::Shared;

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
}

impl Pool {
    #[inline]
    fn pop(&self) -> Option<Arc<Mutex<State>>> {
        let mut idle = self.0.lock();
        let (bytes, buffer) = idle.buffers.pop()?;
        idle.bytes -= bytes;
        Some(buffer)
    }

    /// False if there is no room for it.
    #[inline]
    fn push(&self, bytes: usize, buffer: &Arc<Mutex<State>>, limits: &Limits) -> bool {
        let mut idle = self.0.lock();
        let fits = bytes <= POOLED_BYTES
            && idle.buffers.len() < MAX_POOLED
            && idle.bytes + bytes <= limits.total_bytes / 4;
        if fits {
            idle.bytes += bytes;
            idle.buffers.push((bytes, Arc::clone(buffer)));
        }
        fits
    }
}

/// Keeps the local trace's buffer; the last one to go puts it back into the pool.
///
/// The lock is held for the length of a few copies and no code but ours runs under it. Lock order: trace, then queue.
#[derive(Clone, Debug)]
pub(crate) struct TraceRef(Arc<Mutex<State>>);

impl TraceRef {
    /// A buffer of the pool, or a new one, as a new local trace.
    #[inline]
    pub(crate) fn begin(shared: &Arc<Shared>, beginning: Beginning) -> Self {
        let pooled = shared.pool.pop();
        let trace = Self(pooled.unwrap_or_else(|| Arc::new(Mutex::new(State::empty()))));
        trace.lock().begin(Arc::clone(shared), beginning);
        trace
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Ends a span, and hands finished spans over if that made them due.
    #[inline]
    pub(crate) fn end(&self, span: u32, at: Option<SystemTime>) {
        // a statement of its own: the sinks run after the lock was released
        let ended = self.0.lock().end(span, at);
        if let Some(ended) = ended {
            if ended.due {
                ended.shared.hand_over();
            }
            if ended.let_go {
                notify("errors", || {
                    "failed traces are let go: more than the plan keeps in a second (see Stats)"
                        .to_owned()
                });
            }
        }
    }

    #[inline]
    fn recycle(&mut self) {
        let Some(state) = Arc::get_mut(&mut self.0) else {
            return;
        };
        let state = state.get_mut();
        let Some(shared) = state.shared.take() else {
            return;
        };
        state.records.clear();
        let bytes = state.records.capacity_bytes();
        if !shared.pool.push(bytes, &self.0, &shared.limits) {
            shared.budget.give(bytes);
        }
    }
}

impl Drop for TraceRef {
    /// Only the last holder sees a count of one, so no one else can clone or lock it meanwhile.
    /// Two holders that go at the same moment may both see two: then the buffer is freed, not pooled.
    #[inline]
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            self.recycle();
        }
    }
}

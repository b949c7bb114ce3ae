//! Pool of empty buffers, and the list of all buffers of a tracer.

use crate::engine::buffer::TraceBuffer;
use crate::limits::{Limits, MAX_POOLED, POOLED_BYTES};
use crate::sync::{Arc, Mutex, Weak, downgrade};

/// The empty buffers of one tracer, last in first out, so that the next trace gets one that is still in the cache.
///
/// A lock, because the list and its size change together. Held for one push or pop. Bounded by `MAX_POOLED` buffers of `POOLED_BYTES`, and by a quarter of the
/// tracer's bytes, so that idle buffers cannot starve running traces.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    /// Buffers with the bytes that they hold.
    buffers: Vec<(usize, Arc<Mutex<TraceBuffer>>)>,
    /// The bytes of all of them.
    bytes: usize,
    /// Spans of discarded traces without handles. Counted here because the lock is held anyway.
    discarded: u64,
}

impl Pool {
    /// Takes the buffer that was returned last.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Arc<Mutex<TraceBuffer>>> {
        let mut idle = self.0.lock();
        let (bytes, buffer) = idle.buffers.pop()?;
        idle.bytes -= bytes;
        Some(buffer)
    }

    /// Adds a buffer. False if there is no room for it; the caller then frees it.
    #[inline]
    pub(crate) fn push(
        &self,
        bytes: usize,
        buffer: Arc<Mutex<TraceBuffer>>,
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

    /// Counts the spans of a buffer that is freed.
    pub(crate) fn discard(&self, spans: u32) {
        self.0.lock().discarded += u64::from(spans);
    }

    /// The spans of discarded traces so far.
    pub(crate) fn discarded(&self) -> u64 {
        self.0.lock().discarded
    }
}

/// All buffers of one tracer, in use or idle. Shutdown needs them to find the finished spans of open traces.
///
/// Locked when a buffer is created, which happens only if the pool is empty, for a push. Bounded by twice the number of
/// live buffers.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    buffers: Vec<Weak<Mutex<TraceBuffer>>>,
    /// The length at which entries of freed buffers are removed.
    worth: usize,
}

impl Traces {
    /// Creates a buffer of this state, and adds it to the list.
    #[cold]
    pub(crate) fn made(&self, state: TraceBuffer) -> Arc<Mutex<TraceBuffer>> {
        let buffer = Arc::new(Mutex::new(state));
        let mut made = self.0.lock();
        if made.buffers.len() >= made.worth {
            made.buffers.retain(|buffer| buffer.strong_count() > 0);
            made.worth = 2 * made.buffers.len() + 32;
        }
        made.buffers.push(downgrade(&buffer));
        buffer
    }

    /// The buffers that still exist.
    pub(crate) fn live(&self) -> Vec<Arc<Mutex<TraceBuffer>>> {
        let made = self.0.lock();
        made.buffers.iter().filter_map(Weak::upgrade).collect()
    }
}

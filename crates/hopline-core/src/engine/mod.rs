#![doc = include_str!("README.md")]
// The layer below the public handles: only `span` imports it. It imports `export` and all below that. `shared`, `pool`
// and `buffer` import each other: a buffer holds its tracer's `Shared`, which holds the pool that the buffer returns to;
// see `TraceBuffer::shared`.

pub(crate) mod buffer;
pub(crate) mod metered;
pub(crate) mod pool;
pub(crate) mod queue;
pub(crate) mod shared;
pub(crate) mod stats;
pub(crate) mod trace_ref;

//! The capacity of a queue.
//!
//! Set by the exporter's settings and by the file sink; read by the queue and its backlog.

use std::time::Duration;

/// The capacity of a queue, and the limit that marks a trace as slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Spans that may wait.
    pub(crate) spans: usize,
    /// Bytes of memory that waiting batches may take.
    pub(crate) bytes: usize,
    /// Duration of a local root from which its trace is dropped last. Defaults to the limit of its tracer's plan.
    pub(crate) slow: Option<Duration>,
}

//! The tracer as batches and sinks see it.

use std::fmt::Debug;
use std::sync::Arc;

use crate::export::batch::Batch;
use crate::record::chunk::Chunk;

/// The tracer of a batch or a sink. Neither keeps it alive.
pub(crate) trait Home: Debug + Send + Sync {
    /// Gives what has finished to the sinks, outside all locks.
    fn hand_over(self: Arc<Self>);

    /// Copies the spans of traces that go on, up to about `max`.
    fn running(self: Arc<Self>, max: usize) -> Batch;

    /// Takes a chunk's memory back for the next one.
    fn recycle(&self, chunk: Chunk);
}

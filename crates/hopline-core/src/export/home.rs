//! The tracer as batches and sinks see it.

use std::fmt::Debug;
use std::sync::Arc;

use crate::record::chunk::Chunk;

/// The tracer of a batch or a sink. Neither keeps it alive.
pub(crate) trait Home: Debug + Send + Sync {
    /// Gives what has finished to the sinks, outside all locks.
    fn hand_over(self: Arc<Self>);

    /// Takes a chunk's memory back for the next one.
    fn recycle(&self, chunk: Chunk);
}

//! The tracer as batches see it.

use std::fmt::Debug;

use crate::record::chunk::Chunk;

/// The tracer of a batch, which does not keep it alive.
pub(crate) trait Home: Debug + Send + Sync {
    /// Takes a chunk's memory back for the next one.
    fn recycle(&self, chunk: Chunk);
}

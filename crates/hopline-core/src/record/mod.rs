//! Records: the flat vectors of a local trace, and the chunks in which they go to the sinks.
//!
//! For export and the engine. Imports `attribute`, `propagation` and `time`.

pub(crate) mod chunk;
pub(crate) mod copies;
pub(crate) mod records;

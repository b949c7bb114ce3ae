//! Export: sinks, the batches they receive, and finished spans read from them.
//!
//! For exporters and tests. A service gets its sink from the `hopline` crate.

pub use crate::batch::{Batch, EventView, LinkView, SpanView};
pub use crate::data::{EventData, LinkData, OwnedValue, ScopeData, SpanData, StatusData};
pub use crate::sink::{Batching, FlushError, Sink, Source};
pub use crate::stored::ArrayRef;
pub use crate::value::ValueRef;

//! Export: sinks, the batches they receive, and finished spans read from them.
//!
//! For exporters and tests. A service gets its sink from the `hopline` crate.
//! For the engine and the public handles. Imports `record`, `attribute`, `sampling`, `propagation` and `time`.

pub(crate) mod batch;
pub(crate) mod data;
pub(crate) mod home;
pub(crate) mod sink;

pub use crate::attribute::owned::OwnedValue;
pub use crate::attribute::value_ref::{ArrayRef, ValueRef};
pub use batch::{Batch, EventView, LinkView, SpanView};
pub use data::{EventData, LinkData, ScopeData, SpanData, StatusData};
pub use sink::{Batching, FlushError, Sink, Source};

//! Consuming: consumers, deliveries, batches, and their process spans.
//!
//! Adds `basic_consume` and `basic_get` to [`Channel`](crate::Channel). The runner and requests import it.

mod arrival;
mod batch;
mod consumer;
mod delegate;
mod delivery;
mod get;
mod outcome;
mod processing;

pub(crate) use arrival::Arrival;
pub use batch::Batch;
pub use consumer::Consumer;
pub use delivery::Delivery;
pub use get::BasicGetMessage;
pub use outcome::Outcome;
pub(crate) use processing::{LOST, SETTLE_LOST};

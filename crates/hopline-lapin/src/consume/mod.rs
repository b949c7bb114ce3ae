//! Consuming: consumers, deliveries, batches, and their process spans.
//!
//! Adds `basic_consume` and `basic_get` to [`Channel`](crate::Channel). The runner and requests import it.
//!
//! A process span begins and ends in one of these ways:
//!
//! | consumed by | begins | ends |
//! |---|---|---|
//! | a stream | when the stream yields the message | when it is settled, or its last clone dropped |
//! | `basic_get` | with the first [`Delivery::context`] | the same |
//! | a delegate | when lapin calls it | when its future ends |
//! | [`Delivery::process_span`] | with the call, unless it has begun | when the caller drops it |
//! | a runner, batches | when the handler starts | when the message or batch is settled |

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

//! The hook for metrics: instruments, and the meter that a tracer reports measurements to.
//!
//! The lower half of [`metrics`](crate::metrics), for the engine and the public handles. Imports `attribute` and `propagation`.

pub(crate) mod instrument;
pub(crate) mod label;
pub(crate) mod observer;
pub(crate) mod receiver;

pub use instrument::{Instrument, InstrumentKind};
pub use label::label;
pub use observer::{Observe, Observer};
pub use receiver::{Exemplar, Meter};

//! Metrics: instruments, the meter that a tracer reports measurements to, and timers of edges.
//!
//! Edges report when their span ends, whether it is recorded or not. Without a meter that costs one branch.
//! `hopline-metrics` aggregates and exports.
// Beside `span` at the top: only the root of the crate imports it. The lower half, which the engine uses, is `meter`.

pub(crate) mod measure;
pub(crate) mod timer;

pub use crate::meter::{Exemplar, Instrument, InstrumentKind, Meter, Observe, Observer, label};
pub use measure::{exemplar, record};
pub use timer::{Report, Timer};

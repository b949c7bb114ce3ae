//! Time: the clocks of a tracer, and monotonic moments anchored to the wall clock.
//!
//! For the engine and the budgets of sampling. Imports no other folder.

pub(crate) mod clock;
pub(crate) mod tick;
mod tsc;

pub use clock::{Clock, ManualClock};

//! Runners: one task for each message or batch, with retries, dead letters and a graceful stop.
//!
//! Adds `run`, `run_service` and `run_batches` to [`Consumer`](crate::Consumer). Nothing else of the crate imports it.

mod drive;
mod handle;
mod job;
mod options;
mod process_span;
mod runner;
mod settle;

pub use options::RunOptions;
pub use runner::StopReason;

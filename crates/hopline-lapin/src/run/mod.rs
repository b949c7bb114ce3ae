//! Runners: one task for each message or batch, with retries, dead letters and a graceful stop.
//!
//! Adds `run`, `run_service` and `run_batches` to [`Consumer`](crate::Consumer). Nothing else of the crate imports it.
//!
//! `drive.rs` takes jobs up to the concurrency and stops, `handle.rs` runs one handler in its span, `settle.rs`
//! acknowledges, retries or gives up. Memory is bounded by the prefetch, and by one task for each permit.

mod drive;
mod handle;
mod job;
mod options;
mod process_span;
mod runner;
mod settle;
mod stop_reason;

pub use options::RunOptions;
pub use stop_reason::StopReason;

//! Tools to kill a broker under its clients, and to account for every message.
//!
//! The program (`cargo xtask chaos`) does so with many messages; `tests/recovery.rs` looks closely at few.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "unpublished: all users are in this workspace"
)]

pub mod args;
pub mod consumers;
pub mod ledger;
pub mod link;
pub mod publisher;
pub mod queues;
pub mod recorded;

pub use ledger::Ledger;
pub use link::{Link, connect};

/// Any error; `main` prints it in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of this program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

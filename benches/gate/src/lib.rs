//! The cost of hopline in instructions and allocations, which repeat while times do not.
//!
//! The cases are here, and what runs them; `cargo xtask bench --gate` is how they are run, and the README of
//! `benches/` explains its columns. `hopline-bench` measures the same operations beside those of others.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "unpublished: all users are in this workspace"
)]

pub mod bridged;
pub mod calls;
mod case;
pub mod counted;
pub mod encoding;
pub mod ends;
pub mod headers;
pub mod numbers;
pub mod queue;
pub mod requests;
pub mod resident;
pub mod rules;
pub mod simulated;
pub mod sinks;
pub mod soak;
mod statements;
pub mod trace;

pub use case::{Case, Work};

/// The result of a program of this package; the error is for the person at the terminal.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// All cases, in the order of the table.
pub fn cases() -> Vec<Case> {
    let mut cases = trace::cases();
    cases.extend(ends::cases());
    cases.extend(requests::cases());
    cases.extend(calls::cases());
    cases.extend(encoding::cases());
    cases.extend(queue::cases());
    cases.extend(statements::cases());
    cases.extend(bridged::cases());
    cases.extend(headers::cases());
    cases
}

/// The test clock, which does not move: no reading of the machine's clock is in the numbers.
pub fn test_clock() -> hopline_core::Clock {
    let start = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    hopline_core::Clock::Manual(hopline_core::time::ManualClock::new(start))
}

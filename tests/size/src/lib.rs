//! Cost of a sampling plan: spans kept, bytes on the wire, memory of queues, instances of collectors.
//!
//! The program is called by `cargo xtask size`; the table of `deploy/SIZING.md` is its output.
//!
//! [`measure`] records real spans and encodes them. [`traffic`] runs the plan on a clock that only it moves. [`estimate`]
//! multiplies. [`simulate`] shows that counts computed from samples are true in a system of 1,000 services.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "not published: only its own program and tests use it"
)]

pub mod args;
pub mod estimate;
pub mod measure;
pub mod simulate;
pub mod table;
pub mod traffic;

/// An error that ends the program; `main` prints it in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of the program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

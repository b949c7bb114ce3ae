//! Test support that several crates of the workspace share. Unpublished; used by dev-dependency alone.
//!
//! | module | contains | feature |
//! |---|---|---|
//! | [`start`] | tracers, roots and parents for tests of the engine | |
//! | [`hop`] | one service between two others: the headers that it sends for those it received | |
//! | [`sinks`] | sinks that keep batches, ask for each trace, or panic | |
//! | [`notices`] | waiting for notices | |
//! | [`folder`] | temporary folders | |
//! | [`page`] | values of a Prometheus page | |
//! | [`pages`] | the Markdown pages of the repository: blocks, headings, links | |
//! | [`ports`] | free ports | |
//! | `http` | expectations for HTTP spans | `http` |
//! | `otlp` | a collector on a socket, traces to send to it, comparison field by field | `otlp` |
//! | `sql` | statements: hostile, generated, any bytes | `sql` |
//!
//! Spans in tests are collected by `hopline-testing`.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "unpublished: all users are in this workspace"
)]

use std::time::Duration;

pub mod folder;
pub mod hop;
#[cfg(feature = "http")]
pub mod http;
pub mod notices;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod page;
pub mod pages;
pub mod ports;
pub mod sinks;
#[cfg(feature = "sql")]
pub mod sql;
pub mod start;

/// The time limit of every wait. Nothing takes longer, unless it is broken.
pub const LONG: Duration = Duration::from_secs(20);

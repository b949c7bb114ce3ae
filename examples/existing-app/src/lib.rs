//! A service written for `tracing`, tower-http and tracing-opentelemetry, and the same after the move to hopline.
//!
//! [`shop`] is the application: handlers and functions with `#[instrument]`, which stay as they are. [`before`] and
//! [`after`] are what changes: the subscriber and the layer of the router.

pub mod after;
pub mod before;
pub mod shop;

//! The functions of the fuzz targets.
//!
//! Each target is a function that takes any bytes and panics where a promise is broken. `fuzz/` gives it bytes that
//! libFuzzer makes up (`cargo xtask fuzz`); the test of this package gives it those that are committed, the seeds and
//! what was found with them, so that no finding comes back.
//!
//! # A new target
//!
//! 1. A file with the function here, and its line in [`TARGETS`].
//! 2. Its three lines in `fuzz/fuzz_targets/` and its `[[bin]]` in `fuzz/Cargo.toml`, of the same name.
//! 3. A few inputs that reach far in `fuzz/seeds/NAME/`, and the grammar's words in `fuzz/dictionaries/NAME`.

mod baggage;
mod lines;
mod otlp;
mod plan;
mod redact;
mod server_timing;
mod traceparent;
mod tracestate;

pub use baggage::baggage;
pub use hopline_test_support::sql::redact_any as sqlx_redact;
pub use otlp::{otlp, otlp_json};
pub use plan::plan;
pub use redact::redact;
pub use server_timing::server_timing;
pub use traceparent::traceparent;
pub use tracestate::tracestate;

/// A name, and what is done with the input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("baggage", baggage),
    ("otlp", otlp),
    ("otlp_json", otlp_json),
    ("plan", plan),
    ("redact", redact),
    ("server_timing", server_timing),
    ("sqlx_redact", sqlx_redact),
    ("traceparent", traceparent),
    ("tracestate", tracestate),
];

//! Traces as files: OTLP JSON, trace events for Perfetto, lines for scripts. Called by the API and the command line.
//! The store's values are masked before an export sees them.

/// JSON lines: one trace on each.
mod lines;
mod otlp;
mod perfetto;

pub use lines::json_line;
pub use otlp::otlp_json;
pub use perfetto::perfetto_json;

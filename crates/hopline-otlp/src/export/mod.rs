//! Export to a collector: settings, the export thread, transports, retries.
//!
//! One batch on its way, and the files that it passes:
//!
//! ```text
//! tracer ──▶ exporter.rs  Sink::accept           any thread of the application
//!            queue.rs     bounded, drops          (crate root, shared with the file sink)
//!            ─────────────────────────────────────────────────────────────
//!            worker.rs    takes a request's worth of spans      export thread
//!            transport.rs encodes it, and sends it by
//!              http.rs | grpc.rs ──▶ collector
//!            reply.rs     the outcome, from response.rs
//!            retry.rs, outage.rs, size.rs   pause, one notice per outage, smaller requests
//!            spooled.rs, spool.rs           requests on disk during an outage
//! ```
//!
//! `builder.rs` and `variables.rs` make `settings.rs`; `problem.rs` is the error if they cannot. No code here runs on a
//! thread of the application except `exporter.rs` and `check.rs`, and none of it waits for the collector, except a check.

mod builder;
mod check;
mod endpoint;
mod exporter;
#[cfg(feature = "spool")]
mod folder;
#[cfg(feature = "grpc")]
mod grpc;
mod gzip;
mod http;
mod metrics;
mod outage;
mod problem;
mod reply;
mod response;
mod retry;
mod runtime;
mod settings;
mod signal;
mod size;
#[cfg(feature = "spool")]
mod split;
#[cfg(feature = "spool")]
mod spool;
#[cfg(feature = "spool")]
mod spooled;
mod state;
mod time_limit;
mod tls;
mod transport;
mod variables;
mod worker;

pub use builder::ExporterBuilder;
pub use check::CheckError;
pub use exporter::Exporter;
pub use metrics::{MetricsExporter, MetricsStats};
pub use problem::ConfigError;
pub use settings::Protocol;

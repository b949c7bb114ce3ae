//! Distributed tracing for axum services: which hop was slow, which failed, in one trace.
//!
//! One line at each edge, and a request is seen whole, from the gateway through services and
//! databases to the worker behind the queue:
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = hopline::init("orders")?; // OTEL_* variables; OTLP by default
//!
//! // … serve until `hopline::shutdown_signal()` …
//!
//! telemetry.shutdown().await; // nothing lost
//! # Ok(())
//! # }
//! ```
//!
//! # The edges
//!
//! | feature | module | one line |
//! |---|---|---|
//! | `axum` | `hopline::axum` | `.layer(TraceLayer::new())`, at the edge `TraceLayer::public()`, which does not trust its callers' headers: a root span for each request, named by its route |
//! | `tower` | `hopline::tower` | the same for any tower HTTP service |
//! | `reqwest` | `hopline::reqwest` | `builder().build()?`: a client with a span for each call and trace headers on it |
//! | `sqlx-postgres`, `sqlx-sqlite`, `sqlx-mysql`, `sqlx-any` | `hopline::sqlx` | `pool.traced()`: a span for each statement, redacted |
//! | `sqlx-migrate` | | `pool.migrate(…)`: a span for each migration |
//! | `sqlx-events` | | spans from sqlx's own events, where types cannot change |
//! | `lapin` | `hopline::lapin` | `channel.traced()`: from publish to settled |
//! | `tracing` | `hopline::tracing` | spans and events of the `tracing` crate, trace ids in log lines |
//! | `otlp` (default) | `hopline::otlp` | spans go to any OTLP collector over HTTP; with `otlp-tls` over https, with `otlp-grpc` over gRPC |
//! | `otlp-spool` | `hopline::otlp` | spans of an outage are kept on disk |
//! | `console` (default) | [`console`] | each trace as a tree on standard output |
//!
//! # Inside a service
//!
//! ```
//! use hopline::{FutureExt, span};
//!
//! async fn verify(token: &str) -> bool {
//!     let work = async { !token.is_empty() };
//!     work.in_span(span("auth.verify")).await
//! }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { assert!(verify("t").await) });
//! ```
//!
//! A task of its own keeps the trace by [`hopline::spawn`](spawn), [`spawn_blocking`] or, in a set,
//! [`JoinSetExt`]. [`Context::current`] is the request's
//! span from anywhere: `Context::current().set("order.id", id)`.
//!
//! # Does it work?
//!
//! [`init`] says in one line where spans go and what the plan is. `telemetry.check().await` sends a test span and
//! says why it did not arrive. `telemetry.exporter()` and `telemetry.tracer()` have counts of all that was sent
//! and lost. [Notices](set_notice_hook) report later failures, at their start and at their end.
//!
//! # The end
//!
//! [`shutdown_signal`] is ready at Ctrl-C or SIGTERM, and the server drains. [`Telemetry::shutdown`] then writes what has
//! finished, for at most 5 seconds; what is lost gives a notice, and [`Telemetry::try_shutdown`] an error. Where the
//! server does not drain, because a request hangs or a client keeps a stream open, a second signal ends the process
//! after a flush of at most 2 seconds, with exit code 130 or 143.
//!
//! # Variables
//!
//! All are read by [`init`]. What is wrong or cannot be done gives a notice and is passed over; what cannot be done is
//! an error by choice ([`Builder::strict`]). Words such as `console` or `tracecontext` may be written in either case.
//!
//! | variable | says |
//! |---|---|
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who makes the spans; beats the argument of [`init`] |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `console`, `none`, or a list |
//! | `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `HOPLINE_SPOOL` | where they go and how: see `hopline::otlp` |
//! | `HOPLINE_SAMPLING`, else `OTEL_TRACES_SAMPLER` and `_ARG` | the [`SamplingPlan`]; beats [`Builder::plan`] |
//! | `OTEL_SDK_DISABLED=true` | nothing is recorded; headers are still passed on |
//! | `OTEL_PROPAGATORS` | which headers travel: `tracecontext`, `baggage`, or `none`; defaults to both |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_COUNT_LIMIT` | attributes of a span |
//! | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | bytes of a text |
//! | `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT`, `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT` | the other [`Limits`]; links have no attributes |
//! | `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`, `…_SERVER_RESPONSE`, `…_CLIENT_REQUEST`, `…_CLIENT_RESPONSE` | headers that are recorded beside those that code names; credentials stay redacted |
//! | `HOPLINE_SPAN_NAMES`, `OTEL_SEMCONV_STABILITY_OPT_IN` | which [`SpanNames`] and [`OlderNames`] |

mod builder;
#[cfg(feature = "console")]
mod console;
mod error;
mod live;
mod signal;
mod task;
mod telemetry;
mod variables;

pub use builder::{Builder, builder, init};
#[cfg(feature = "console")]
pub use console::console;
pub use error::InitError;
pub use hopline_core::*;
pub use signal::shutdown_signal;
pub use task::{JoinSetExt, spawn, spawn_blocking};
pub use telemetry::Telemetry;

/// axum services, traced: `hopline_axum` under the path that compiler messages print.
#[cfg(feature = "axum")]
pub mod axum {
    pub use hopline_axum::*;
}
/// lapin, traced: `hopline_lapin` under the path that compiler messages print.
#[cfg(feature = "lapin")]
pub mod lapin {
    pub use hopline_lapin::*;
}
/// Spans over OTLP: `hopline_otlp` under the path that compiler messages print.
#[cfg(feature = "otlp")]
pub mod otlp {
    pub use hopline_otlp::*;
}
/// reqwest, traced: `hopline_reqwest` under the path that compiler messages print.
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use hopline_reqwest::*;
}
/// sqlx, traced: `hopline_sqlx` under the path that compiler messages print.
#[cfg(any(
    feature = "sqlx-any",
    feature = "sqlx-events",
    feature = "sqlx-mysql",
    feature = "sqlx-postgres",
    feature = "sqlx-sqlite"
))]
pub mod sqlx {
    pub use hopline_sqlx::*;
}
/// tower HTTP services, traced: `hopline_tower` under the path that compiler messages print.
#[cfg(feature = "tower")]
pub mod tower {
    pub use hopline_tower::*;
}
/// Spans and events of the tracing crate: `hopline_tracing` under the path that compiler messages print.
#[cfg(feature = "tracing")]
pub mod tracing {
    pub use hopline_tracing::*;
}

/// The traits behind `.traced()` and `.in_span(…)`: `use hopline::prelude::*;`.
pub mod prelude {
    pub use crate::JoinSetExt as _;
    pub use hopline_core::FutureExt as _;
    #[cfg(feature = "lapin")]
    pub use hopline_lapin::ChannelExt as _;
    #[cfg(feature = "reqwest")]
    pub use hopline_reqwest::ClientExt as _;
    #[cfg(any(
        feature = "sqlx-any",
        feature = "sqlx-mysql",
        feature = "sqlx-postgres",
        feature = "sqlx-sqlite"
    ))]
    pub use hopline_sqlx::PoolExt as _;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

// its program uses these edges
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "reqwest",
    feature = "sqlx-postgres",
    feature = "tracing"
))]
#[doc = include_str!("../../../README.md")]
struct Readme;

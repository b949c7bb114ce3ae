//! Distributed tracing for axum services: shows which hop was slow and which failed, in one trace.
//!
//! A *hop* is one step of a request: a service, a database statement, a message. One line at each edge of a service
//! (server, HTTP client, database, queue) makes the whole request visible, from the gateway to the worker behind the
//! queue.
//!
//! # Start and end
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = hopline::init("orders")?; // reads OTEL_* variables; exports over OTLP by default
//!
//! // … serve until `hopline::shutdown_signal()` …
//!
//! telemetry.shutdown().await; // exports finished spans, for at most 5 seconds
//! # Ok(())
//! # }
//! ```
//!
//! [`init`] prints one line with the destination of spans and the sampling plan:
//!
//! ```text
//! hopline: init: spans of orders go to http://localhost:4318/v1/traces (http/protobuf); plan: * 100%
//! ```
//!
//! # Spans inside a service
//!
//! The server layer of an edge starts a span for each request. Inside it, [`span`] starts a child,
//! [`Context::current`] is the request's span from anywhere, and [`spawn`], [`spawn_blocking`] and [`JoinSetExt`] keep
//! tasks in the trace.
//!
//! ```
//! use hopline::{Context, FutureExt, span};
//!
//! async fn verify(token: &str) -> bool {
//!     Context::current().set("user.id", 7); // an attribute of the request's span
//!     let work = async { !token.is_empty() };
//!     work.in_span(span("auth.verify")).await // current while the future is polled
//! }
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let root = hopline::SpanBuilder::new("GET /orders/{id}");
//! # let root = root.tracer(&tracer).parent(Default::default()).start();
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! #     assert!(verify("t").in_span(root).await)
//! # });
//! # spans.one("GET /orders/{id}").attribute("user.id", 7);
//! # assert_eq!(spans.tree(), "GET /orders/{id} ▸ orders\n└─ auth.verify\n");
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! └─ auth.verify
//! ```
//!
//! # Sampling and options
//!
//! [`builder`] sets what [`init`] leaves at its defaults. The operator's variables win over the plan in the code.
//!
//! ```
//! # #[cfg(feature = "console")] {
//! let telemetry = hopline::builder("orders")
//!     .plan("/health never; * 10%; keep errors; keep slower 500ms".parse()?)
//!     .baggage_attributes(["tenant_id"]) // becomes an attribute of every span
//!     .without_exporter()
//!     .sink(hopline::console()?)         // prints each trace as a tree
//!     .build()?;
//! assert_eq!(telemetry.tracer().unwrap().resource().service_name(), "orders");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Edges
//!
//! | feature | module | use |
//! |---|---|---|
//! | `axum` | `hopline::axum` | `.layer(TraceLayer::new())`: a root span for each request, named by its route. At the edge of the system use `TraceLayer::public()`, which does not trust the trace headers of callers |
//! | `tower` | `hopline::tower` | the same for any tower HTTP service |
//! | `reqwest` | `hopline::reqwest` | `ClientBuilder::new().build()?`: a client with a span for each call and trace headers on it |
//! | `sqlx-postgres`, `sqlx-sqlite`, `sqlx-mysql`, `sqlx-any` | `hopline::sqlx` | `pool.traced()`: a span for each statement, with redacted text |
//! | `sqlx-migrate` | | `pool.migrate(…)`: a span for each migration |
//! | `sqlx-events` | | spans from sqlx's own events, where types cannot change |
//! | `lapin` | `hopline::lapin` | `channel.traced()`: spans from publish to acknowledgement |
//! | `tracing` | `hopline::tracing` | spans and events of the `tracing` crate, trace ids in log lines |
//! | `metrics` | `hopline::metrics` | metrics of each edge: `telemetry.metrics().router().merge(app)` serves them at `/metrics`; export over OTLP; `metrics-process` adds CPU and memory, `metrics-recorder` the `metrics` crate |
//! | `otlp` (default) | `hopline::otlp` | export to any OTLP collector over HTTP; `otlp-tls` adds https, `otlp-grpc` gRPC |
//! | `otlp-spool` | `hopline::otlp` | keeps spans on disk while the collector is away |
//! | `view` | `hopline::view` | `builder(…).sink(view::sink())` and `view::router().merge(app)`: the page at `/_trace` shows the traces of this process, running ones too |
//! | `console` (default) | [`console`] | prints each trace as a tree on standard output |
//!
//! The root of this crate has the names that a service uses. Names for integrations, such as sinks, carriers and
//! custom samplers, are in [`core`](mod@core).
//!
//! # Metrics
//!
//! With the feature `metrics` each edge measures every request, also those that sampling drops, and buckets have the trace of
//! an exemplar that is kept. They are sent over OTLP each minute and at the shutdown, and `telemetry.metrics()` has the
//! page for Prometheus. A builder with `exporter` or [`without_exporter`](Builder::without_exporter) sends none.
//!
//! | instrument of hopline itself | value |
//! |---|---|
//! | `hopline.tracer.spans` | recorded spans, by `hopline.outcome`: `handed_over`, `discarded`, `lost` |
//! | `otel.sdk.processor.span.processed` | spans that left the export queue; `error.type=queue_full` for dropped ones |
//! | `otel.sdk.processor.span.queue.size` | spans that wait in the export queue |
//! | `otel.sdk.exporter.span.exported` | spans whose export has ended; `error.type` is `rejected`, `unconfirmed` or `abandoned` |
//!
//! `otel.sdk.span.started`, `otel.sdk.span.live`, `otel.sdk.processor.span.queue.capacity` and
//! `otel.sdk.exporter.span.inflight` are not reported: hopline does not count them.
//!
//! # Checking that spans arrive
//!
//! `telemetry.check().await` sends a test span and returns the reason if the collector did not accept it.
//! `telemetry.exporter()` and `telemetry.tracer()` count sent and lost spans. A [notice](core::set_notice_hook) reports
//! each later failure at its start and at its end, by default on standard error.
//!
//! # Shutdown
//!
//! [`shutdown_signal`] is ready at Ctrl-C or SIGTERM, and the server drains. [`Telemetry::shutdown`] then exports finished
//! spans, for at most 5 seconds. Lost spans give a notice; [`Telemetry::try_shutdown`] returns an error for them. If the
//! server does not drain, because a request hangs or a client keeps a stream open, a second signal ends the process
//! after a flush of at most 2 seconds, with exit code 130 or 143.
//!
//! # Variables
//!
//! All are read by [`init`]. A value that is wrong gives a notice and is ignored; a value that asks for something this
//! build cannot do is an error if [`Builder::strict`] is set. Words such as `console` or `tracecontext` are read in any
//! case.
//!
//! | variable | sets |
//! |---|---|
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the service's name and attributes; wins over the argument of [`init`] |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `console`, `none`, or a list |
//! | `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `HOPLINE_SPOOL` | destination and transport of spans: see `hopline::otlp` |
//! | `OTEL_METRICS_EXPORTER` | with the feature `metrics`: `otlp`, `prometheus`, `console`, `none`, or a list. Defaults to `otlp` |
//! | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | the address for `prometheus`, a listener of its own. Defaults to `localhost` and 9464. A port in use gives a notice |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds between two exports of metrics. Defaults to 60000 |
//! | `OTEL_METRIC_EXPORT_TIMEOUT` | milliseconds for which an export of metrics is retried, at most the interval. Defaults to 30000 |
//! | `OTEL_EXPORTER_OTLP_METRICS_*` | destination and transport of metrics: see `hopline::otlp` |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta`, or `lowmemory`, which is `delta` here. Defaults to `cumulative` |
//! | `OTEL_METRICS_EXEMPLAR_FILTER` | `always_off` for no exemplars. `trace_based` is the default; `always_on` is the same, since an exemplar names a kept trace |
//! | `HOPLINE_SLO` | service level objectives, separated by `;`, such as `SLO POST /checkout 99.9% < 500ms over 30d`; in addition to those in code |
//! | `HOPLINE_SAMPLING`, else `OTEL_TRACES_SAMPLER` and `_ARG` | the [`SamplingPlan`]; wins over [`Builder::plan`] |
//! | `OTEL_SDK_DISABLED=true` | records nothing; trace headers are still passed on |
//! | `OTEL_PROPAGATORS` | the headers that are read and written: `tracecontext`, `baggage`, or `none`. Defaults to both |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_COUNT_LIMIT` | attributes of a span |
//! | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | bytes of a text |
//! | `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT`, `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT` | the other [limits](core::Limits); links have no attributes |
//! | `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`, `…_SERVER_RESPONSE`, `…_CLIENT_REQUEST`, `…_CLIENT_RESPONSE` | headers that are recorded in addition to those named in code; credentials stay redacted |
//! | `HOPLINE_SPAN_NAMES`, `OTEL_SEMCONV_STABILITY_OPT_IN` | [span names](core::semconv::SpanNames) and [older attribute names](core::semconv::OlderNames) |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
#[cfg(feature = "console")]
mod console;
mod error;
mod limits;
mod live;
#[cfg(feature = "metrics")]
mod metering;
mod signal;
mod start;
mod task;
mod telemetry;

pub use builder::{Builder, builder, init};
#[cfg(feature = "console")]
pub use console::console;
pub use error::InitError;

pub use hopline_core::{
    Context, FutureExt, SamplingPlan, Span, SpanBuilder, SpanId, SpanKind, TraceId, Tracer, attr,
    semconv, span,
};
pub use signal::shutdown_signal;
pub use task::{JoinSetExt, spawn, spawn_blocking};
pub use telemetry::Telemetry;

// Modules and not renamed crates: compiler messages then print the path that a user imports.

/// Names for integrations, sinks, samplers and bridges: the crate `hopline-core`.
pub mod core {
    pub use hopline_core::*;
}
/// Traced axum services: the crate `hopline-axum`.
#[cfg(feature = "axum")]
pub mod axum {
    pub use hopline_axum::*;
}
/// Traced lapin channels: the crate `hopline-lapin`.
#[cfg(feature = "lapin")]
pub mod lapin {
    pub use hopline_lapin::*;
}
/// Metrics of the edges, of the application and of hopline itself: the crate `hopline-metrics`.
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use hopline_metrics::*;
}
/// Export over OTLP: the crate `hopline-otlp`.
#[cfg(feature = "otlp")]
pub mod otlp {
    pub use hopline_otlp::*;
}
/// Traced reqwest clients: the crate `hopline-reqwest`.
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use hopline_reqwest::*;
}
/// Traced sqlx pools: the crate `hopline-sqlx`.
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
/// Traced tower HTTP services: the crate `hopline-tower`.
#[cfg(feature = "tower")]
pub mod tower {
    pub use hopline_tower::*;
}
/// Spans and events of the `tracing` crate: the crate `hopline-tracing`.
#[cfg(feature = "tracing")]
pub mod tracing {
    pub use hopline_tracing::*;
}

/// Trace page of this process: the crate `hopline-view`.
#[cfg(feature = "view")]
pub mod view {
    pub use hopline_view::*;
}

/// The extension traits: `.traced()`, `.in_span(…)`, `.spawn_traced(…)`.
///
/// ```
/// use hopline::prelude::*;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let found = async { 42 }.in_span(hopline::span("cache.lookup")).await;
/// assert_eq!(found, 42);
/// # });
/// ```
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

//! Metrics of hopline's edges: bounded aggregation, exemplars, Prometheus and OTLP, service level objectives.
//!
//! A tracer with [`Metrics`] as its meter reports each request, call, query and message, sampled or not, with exactly the
//! duration of its span.
//!
//! # Measure a service
//!
//! ```
//! use hopline_core::metrics::{Instrument, Timer};
//! use hopline_core::{Incoming, SpanBuilder, Tracer, attr};
//! use hopline_metrics::Metrics;
//!
//! let metrics = Metrics::builder().service("orders").build();
//! let tracer = Tracer::builder().service("orders").meter(metrics.clone()).build();
//!
//! // the edges do this for each request
//! static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s");
//! let request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
//! let timer = Timer::start(Some(&tracer), &request);
//! timer.stop(request, |report| {
//!     report.value(&REQUESTS, report.seconds(), &[attr("http.route", "/orders/{id}")]);
//! });
//!
//! let page = metrics.page("application/openmetrics-text").body;
//! assert!(page.contains("http_server_request_duration_seconds_count{http_route=\"/orders/{id}\"} 1\n"));
//! assert!(page.contains("# {trace_id=\""), "the bucket has the trace as its exemplar");
//! ```
//!
//! ```text
//! # TYPE http_server_request_duration_seconds histogram
//! # UNIT http_server_request_duration_seconds seconds
//! http_server_request_duration_seconds_bucket{http_route="/orders/{id}",le="0.005"} 1 # {trace_id="452a…",span_id="9b1c…"} 0.0000021 1795900000.250
//! …
//! http_server_request_duration_seconds_sum{http_route="/orders/{id}"} 0.0000021
//! http_server_request_duration_seconds_count{http_route="/orders/{id}"} 1
//! ```
//!
//! # Count what the application does
//!
//! ```
//! use hopline_core::attr;
//! use hopline_metrics::{Counter, Histogram, counter, histogram};
//!
//! static ORDERS: Counter = counter("shop.orders", "{order}").description("Orders that were placed.");
//! static VALUE: Histogram = histogram("shop.order.value", "EUR").buckets(&[10.0, 100.0, 1000.0]);
//!
//! ORDERS.add(1.0, &[attr("shop.tier", "gold")]);
//! VALUE.record(49.9, &[]);
//! ```
//!
//! They report to the meter of the current context's tracer, else to that of the installed one.
//!
//! # Promise a service level
//!
//! ```
//! use hopline_metrics::Metrics;
//! use hopline_metrics::slo::{Slo, rules};
//!
//! let slo: Slo = "SLO POST /checkout 99.9% < 500ms over 30d".parse()?;
//! let rules = rules(&[slo.clone()]); // for Prometheus: recording rules and alerts
//! let metrics = Metrics::builder().slo(slo).build(); // gauges of its burn rates in this process
//! assert!(rules.contains("SloBurnsFast") && metrics.render().contains("hopline_slo_burn_rate"));
//! # Ok::<(), hopline_metrics::slo::ParseSloError>(())
//! ```
//!
//! # Bounds
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | instruments of a process | 256 | dropped, counted by [`Metrics::dropped`], one notice |
//! | attribute sets of an instrument | 2,000, by [`MetricsBuilder::limit`] | one series with `otel.metric.overflow=true`, counted by [`Metrics::overflowed`] |
//! | hosts in series of clients | 200, by [`MetricsBuilder::hosts`] | `server.address=_OTHER` |
//! | exemplars | one for each of the first 32 buckets of a series and collection | the first kept trace of a period stays |
//! | observers | 1,000 | dropped, counted by [`Metrics::dropped`], one notice |
//! | values of observers | 2,000 for each instrument and collection | left out |
//!
//! A measurement takes no lock and allocates nothing once its series exists: the table of an instrument is replaced as a whole
//! when a series is added, and values are atomics. Threads that measure one series share its cache lines.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | [`Metrics::router`], the page at `/metrics` |
//! | `otlp` | [`Metrics::otlp`], requests for an OTLP receiver |
//! | `process` | [`Metrics::observe_process`]: CPU, memory, open files and threads, on Linux |
//! | `recorder` | [`Metrics::recorder`]: libraries that use the `metrics` crate report to the same page |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod app;
mod attributes;
mod hosts;
mod metrics;
mod names;
mod observed;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
mod prometheus;
#[cfg(feature = "recorder")]
mod recorder;
mod series;
pub mod slo;
mod snapshot;
mod table;
mod view;

pub use app::{
    Counter, Gauge, Histogram, UpDownCounter, counter, gauge, histogram, up_down_counter,
};
pub use hopline_core::metrics::Observer;
pub use metrics::{Metrics, MetricsBuilder};
pub use prometheus::Page;
#[cfg(feature = "recorder")]
pub use recorder::Recorder;
pub use view::View;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Sends finished spans to any OpenTelemetry collector by OTLP, or writes them to a file, and never holds
//! up the service for it.
//!
//! ```no_run
//! use std::time::Duration;
//! use hopline_core::Tracer;
//! use hopline_otlp::{Exporter, resource_from_env};
//!
//! let mut tracer = Tracer::builder().resource(resource_from_env("orders"));
//! if let Some(exporter) = Exporter::from_env()? {
//!     tracer = tracer.sink(exporter);
//! }
//! let tracer = tracer.build();
//! // … serve …
//! tracer.shutdown(Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A request to `orders` is then, at the collector and in its views:
//!
//! ```text
//! POST /orders  orders  server
//! ├─ db.query  INSERT orders  client
//! └─ POST  client
//! ```
//!
//! # What it has
//!
//! | for | is |
//! |---|---|
//! | a collector | [`Exporter`]: OTLP/HTTP, protobuf or JSON, queue, thread, retries |
//! | a file, or many to be joined later | [`FileSink`]: JSON lines |
//! | a transport of your own | [`encode_protobuf`], [`encode_json`] |
//! | reading such files and requests | [`decode_json`] |
//! | what the operator set | [`Exporter::from_env`], [`resource_from_env`] |
//!
//! # What is written
//!
//! | OTLP | from |
//! |---|---|
//! | `resource.attributes` | the tracer's `Resource`: `service.name`, `telemetry.sdk.*`, what `OTEL_RESOURCE_ATTRIBUTES` adds |
//! | `scope` | `hopline` and this crate's version |
//! | ids, name, kind, times, attributes, events, links | the span; of an attribute key given twice the last value |
//! | `trace_state` | the W3C tracestate the span carried |
//! | `flags` | the W3C flags, and whether the parent (of a link: the other span) was in another process |
//! | `status` | ERROR with its message, or absent |
//! | `dropped_*_count` | what the tracer's limits cost |
//!
//! Encoding goes straight from the tracer's records to bytes, in one pass.
//!
//! # How to change it
//!
//! In code by [`Exporter::builder`]; by the operator through these variables:
//!
//! | variable | is | default |
//! |---|---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | base URL; `/v1/traces` is appended | `http://localhost:4318` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the URL as it stands; wins | |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS` | `name=value,…`, percent-encoded | none |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT`, `…_TRACES_TIMEOUT` | milliseconds for one attempt | 10000 |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/protobuf` or `http/json` | `http/protobuf` |
//! | `OTEL_TRACES_EXPORTER` | `none` for no export | `otlp` |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds in which spans gather | 5000 |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | spans that may wait | 2048 |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who the service is | the argument |
//!
//! An unusable endpoint and a protocol that is not supported are errors at the start; other bad values
//! are ignored and said in a [notice](hopline_core::notify). So is every loss, at its start and its end.
//!
//! | feature | brings |
//! |---|---|
//! | `http` (default) | the [`Exporter`]; without it the crate is the codec and the file sink |
//! | `tls` | `https` endpoints, by rustls with the certificates of the platform |
//!
//! # What it will not do
//!
//! - Block or fail a request: a full queue drops the newest spans and counts them.
//! - Promise that a span arrives only once: after a connection broke it is sent again.
//! - Follow redirects, which would hand credentials to another host; use a proxy for loopback endpoints;
//!   read more than 4 MiB of an answer; send more than 64 MiB in a request.
//! - gRPC and compression: a collector takes OTLP over plain HTTP on port 4318.
// the front page speaks of the exporter also where it is left out
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))]

mod any;
mod bytes_text;
mod decode;
mod encode;
mod env;
#[cfg(feature = "http")]
mod export;
mod file;
mod json;
mod line;
mod proto;
mod queue;
mod resource;
mod rotated;
mod slice;
mod stats;

pub use decode::{DecodeError, decode_json};
pub use encode::encode_protobuf;
#[cfg(feature = "http")]
pub use export::{CheckError, ConfigError, Exporter, ExporterBuilder, Protocol};
pub use file::FileSink;
pub use json::encode_json;
pub use resource::{resource_from_env, resource_from_variables};
pub use stats::ExportStats;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;

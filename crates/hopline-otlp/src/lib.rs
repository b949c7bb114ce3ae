//! Exports finished spans over OTLP to any OpenTelemetry collector, or to a file, without delaying the service.
//!
//! Applications usually reach this crate through `hopline::init`. It is used directly for an exporter with settings in
//! code, for files, and to encode or decode OTLP.
//!
//! # From the environment
//!
//! ```no_run
//! # #[cfg(feature = "http")] {
//! use std::time::Duration;
//! use hopline_core::Tracer;
//! use hopline_otlp::{Exporter, resource_from_env};
//!
//! let mut tracer = Tracer::builder().resource(resource_from_env("orders"));
//! if let Some(exporter) = Exporter::from_env()? { // `None` with OTEL_TRACES_EXPORTER=none
//!     tracer = tracer.sink(exporter);
//! }
//! let tracer = tracer.build();
//! // … serve …
//! tracer.shutdown(Duration::from_secs(5))?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A request to `orders` is then visible at the collector:
//!
//! ```text
//! POST /orders  orders  server
//! ├─ db.query  INSERT orders  client
//! └─ POST  client
//! ```
//!
//! # To a file
//!
//! ```
//! use std::time::Duration;
//! use hopline_core::{Incoming, SpanBuilder, Tracer};
//! use hopline_otlp::{FileSink, decode_json};
//!
//! # let path = std::env::temp_dir().join(format!("hopline-otlp-front-{}.jsonl", std::process::id()));
//! let tracer = Tracer::builder().service("import").sink(FileSink::create(&path)?).build();
//! SpanBuilder::new("import.run").tracer(&tracer).parent(Incoming::default()).start().end();
//! tracer.shutdown(Duration::from_secs(5))?;
//!
//! let line = std::fs::read_to_string(&path)?;
//! assert_eq!(decode_json(line.trim())?[0].name, "import.run");
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each line is one request in OTLP JSON, as the OpenTelemetry collector's file receiver reads it:
//!
//! ```text
//! {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"import"}}, …
//! ```
//!
//! # With settings, and a check at the start
//!
//! ```
//! # #[cfg(feature = "http")] {
//! use std::time::Duration;
//! use hopline_core::Resource;
//! use hopline_otlp::Exporter;
//!
//! // no process listens on this port
//! let exporter = Exporter::builder()
//!     .endpoint("http://127.0.0.1:9")
//!     .headers([("api-key", "secret")])
//!     .gzip()
//!     .give_up_after(Duration::from_secs(60))
//!     .build()?;
//! let error = exporter.check(Resource::new("orders")).unwrap_err();
//! assert!(error.to_string().contains("does a collector listen there?"));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! http://127.0.0.1:9/v1/traces: Connection refused (os error 111); does a collector listen there?
//! ```
//!
//! # Contents
//!
//! | for | item |
//! |---|---|
//! | a collector | [`Exporter`]: OTLP/HTTP with protobuf or JSON, and OTLP/gRPC; queue, thread, retries, spool |
//! | a test of the connection | [`Exporter::check`] sends a test span and returns the reason if it did not arrive |
//! | metrics | [`MetricsExporter`]: one request each interval, over the same transports |
//! | counts | [`Exporter::stats`], [`FileSink::stats`], [`MetricsExporter::stats`] |
//! | a file | [`FileSink`]: JSON lines, optionally rotated by size |
//! | text for people | [`FileSink::text_to`]: a function formats the spans |
//! | a transport of your own | [`encode_protobuf`], [`encode_json`] |
//! | reading files and requests | [`decode_json`] |
//! | the operator's settings | [`Exporter::from_env`], [`resource_from_env`] |
//!
//! A tracer can have several sinks. Each has its own queue, so a slow one delays no other.
//!
//! # OTLP fields
//!
//! | OTLP | value |
//! |---|---|
//! | `resource.attributes` | the tracer's `Resource`; [`resource_from_env`] adds service, host, process and `telemetry.sdk.*` |
//! | `scope` | the crate that recorded the span, and its version; `hopline` for the application's own |
//! | `scope.attributes` | on a request's first scope `hopline.dropped`: spans lost since the last request that arrived, if any |
//! | ids, name, kind, times, attributes, events, links | of the span; the last value of an attribute with several |
//! | `trace_state` | the W3C tracestate of the span |
//! | `flags` | the W3C flags, and whether the parent (of a link: the other span) is in another process |
//! | `status` | ERROR with its message, or absent |
//! | `dropped_*_count` | details lost to the tracer's limits, for each span and event |
//!
//! # Spans that cannot be sent
//!
//! | condition | effect |
//! |---|---|
//! | the collector asks to wait, is busy, hangs or is away | spans wait in the queue and are retried for 5 minutes |
//! | the same, with a spool | spans wait on disk until the collector is back, also across a restart of the service |
//! | the queue is full | ordinary traces are dropped, the newest first; failed and slow ones (by the plan, else 1 s) last |
//! | the request is too large for the collector | it is sent in halves, down to one span; the accepted size is remembered |
//! | the collector refuses a request or a part of it | its spans are dropped; the collector knows of them |
//! | a response of success is not a collector's | its spans are counted as unconfirmed, and not sent again |
//! | the process ends | spans are tried once more within the shutdown's time, then written to the spool or abandoned |
//!
//! [`ExportStats`] counts each span once: those received are those sent, lost, waiting and spooled. A
//! [notice](hopline_core::notify) reports a loss at its start and at its end, and the next request reports it to the collector.
//!
//! # Settings
//!
//! [`Exporter::builder`] sets them in code. The operator sets them with these variables. If a setting has two variables, the
//! one with `TRACES` in its name wins. An empty variable counts as unset.
//!
//! | variable | value | default |
//! |---|---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | base URL, to which `/v1/traces` is appended, except for gRPC | `http://localhost:4318`, gRPC `:4317` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | complete URL; wins | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/protobuf`, `http/json` or `grpc` | `http/protobuf` |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS` | `name=value,…`, values percent-encoded; a value with a malformed escape is used unchanged | none |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT`, `…_TRACES_TIMEOUT` | milliseconds for one attempt | 10000 |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION`, `…_TRACES_COMPRESSION` | `gzip` or `none` | `none` |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_TRACES_CERTIFICATE` | file of the certificates to trust, PEM | the platform's |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `…_CLIENT_KEY` and their `TRACES` variants | files of the client's own, PEM | none |
//! | `OTEL_EXPORTER_OTLP_INSECURE`, `…_TRACES_INSECURE` | `true`: no TLS for a gRPC endpoint without a scheme | `false` |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `none` or a list; `console` is for the facade | `otlp` |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds for which spans are collected | 5000 |
//! | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | spans in one request | 512 |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | spans that may wait | 2048 |
//! | `OTEL_BSP_EXPORT_TIMEOUT` | milliseconds for which a request is retried | 300000 |
//! | `HOPLINE_MAX_QUEUE_BYTES` | bytes that may wait | 33554432 |
//! | `HOPLINE_SPOOL`, `HOPLINE_SPOOL_BYTES` | folder of the spool, and its capacity | none, 268435456 |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | name and attributes of the service | the argument |
//! | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | as reqwest reads them; not for loopback, nor for gRPC | |
//!
//! [`MetricsExporter::from_variables`] reads the variables with `METRICS` in place of `TRACES`, and
//! `OTEL_METRIC_EXPORT_INTERVAL`, the milliseconds between two requests, which defaults to 60000, and
//! `OTEL_METRIC_EXPORT_TIMEOUT`, the milliseconds for which a request is retried, which defaults to 30000 and is at most the
//! interval. It reads no `OTEL_BSP_…`, and metrics are not spooled. With `http/json` metrics are sent as protobuf to the same endpoint.
//!
//! Names of protocols, compressions and exporters are read in any case. An unusable endpoint, certificate or folder, and a
//! protocol that is not compiled in, are errors at the start. Other wrong values are ignored, and one
//! [notice](hopline_core::notify) at the start names them.
//!
//! | feature | adds |
//! |---|---|
//! | `http` (default) | the [`Exporter`]; without it the crate is the codec and the file sink |
//! | `grpc` | OTLP/gRPC, by tonic |
//! | `tls` | `https` endpoints, by rustls with the certificates of the platform or the configured ones |
//! | `spool` | spans of an outage are kept on disk |
//!
//! # Limits
//!
//! - It does not block or fail a request, in any state of the collector.
//! - It does not deliver exactly once: spans are sent again after a broken connection.
//! - It does not follow redirects, which would pass credentials to another host. It reads up to 4 MiB of a response,
//!   unpacked or not, sends up to 64 MiB in a request, and pauses for up to a minute at the collector's request.
//! - It does not use a spool folder that another account owns or can write to, and follows no links in one.
//! - It does not record spans on its own threads, which would cause more spans to send, for ever.
//! - It does not continue in a child process after `fork`: threads do not. Build the exporter in the child, and see
//!   [`reseed_after_fork`](hopline_core::propagation::reseed_after_fork).

#![cfg_attr(docsrs, feature(doc_cfg))]
// the front page links to the exporter also in builds without it
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))]

mod any;
mod backlog;
mod bounds;
mod bytes_text;
mod decode;
mod encode;
#[cfg(feature = "http")]
mod export;
mod file;
mod json;
mod lists;
mod proto;
mod queue;
mod resource;
mod rotated;
mod slice;
mod stats;

pub use decode::{DecodeError, decode_json};
pub use encode::encode_protobuf;
#[cfg(feature = "http")]
pub use export::{
    CheckError, ConfigError, Exporter, ExporterBuilder, MetricsExporter, MetricsStats, Protocol,
};
pub use file::FileSink;
pub use json::encode_json;
pub use resource::{resource_from_env, resource_from_variables};
pub use stats::ExportStats;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;

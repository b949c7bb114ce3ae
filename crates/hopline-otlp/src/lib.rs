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
//! | a collector | [`Exporter`]: OTLP/HTTP, protobuf or JSON, and OTLP/gRPC; queue, thread, retries, spool |
//! | knowing whether it works | [`Exporter::check`] sends a test span and says why it did not arrive; [`Exporter::stats`] |
//! | a file, or many to be joined later | [`FileSink`]: JSON lines, rotated by size if asked |
//! | people | [`FileSink::text_to`]: whatever text a function makes of spans |
//! | a transport of your own | [`encode_protobuf`], [`encode_json`] |
//! | reading such files and requests | [`decode_json`] |
//! | what the operator set | [`Exporter::from_env`], [`resource_from_env`] |
//!
//! A tracer takes several sinks; each has its own queue, so that none waits for another.
//!
//! # What is written
//!
//! | OTLP | from |
//! |---|---|
//! | `resource.attributes` | the tracer's `Resource`; [`resource_from_env`] tells service, host, process and `telemetry.sdk.*` |
//! | `scope` | the crate that recorded the span, and its version; `hopline` for the application's own |
//! | `scope.attributes` | of a request's first scope `hopline.dropped`: spans lost since the last request that arrived, if there are any |
//! | ids, name, kind, times, attributes, events, links | the span; of an attribute key given twice the last value |
//! | `trace_state` | the W3C tracestate the span carried |
//! | `flags` | the W3C flags, and whether the parent (of a link: the other span) was in another process |
//! | `status` | ERROR with its message, or absent |
//! | `dropped_*_count` | what the tracer's limits cost, of a span and of an event |
//!
//! Encoding goes straight from the tracer's records to bytes.
//!
//! # What happens to a span that cannot go out
//!
//! | when | then |
//! |---|---|
//! | the collector asks to wait, is busy, hangs or is away | it waits in the queue, and is retried for 5 minutes |
//! | the same, with a spool | it waits on disk until the collector is back, also over a restart of the service |
//! | the queue is full | ordinary traces are dropped, the newest first; failed and slow (by the plan, else 1 s) ones last |
//! | the request is too large for the collector | it is sent in halves, down to one span; the size that works is remembered |
//! | the collector refuses it, or a part of a request | it is dropped; the collector knows |
//! | something answers with success that is not a collector | it is counted as unconfirmed, and not sent again |
//! | the process ends | it is tried once more in the time of the shutdown, then written to the spool or given up |
//!
//! Every loss is counted in [`ExportStats`], which lose no span: those given are those sent, lost, waiting and spooled. A
//! [notice](hopline_core::notify) reports a loss at its start and at its end, and the next request reports it to the collector.
//!
//! # How to change it
//!
//! In code by [`Exporter::builder`]; by the operator through these variables. Where there are two, the one with
//! `TRACES` in its name wins. An empty one counts as unset.
//!
//! | variable | is | default |
//! |---|---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | base URL; `/v1/traces` is appended, but for gRPC | `http://localhost:4318`, gRPC `:4317` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the URL as it stands; wins | |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL` | `http/protobuf`, `http/json` or `grpc` | `http/protobuf` |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS` | `name=value,…`, values percent-encoded, or as they are where an escape is malformed | none |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT`, `…_TRACES_TIMEOUT` | milliseconds for one attempt | 10000 |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION`, `…_TRACES_COMPRESSION` | `gzip` or `none` | `none` |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_TRACES_CERTIFICATE` | file of the certificates to trust, PEM | the platform's |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `…_CLIENT_KEY` and their `TRACES` variants | files of the client's own, PEM | none |
//! | `OTEL_EXPORTER_OTLP_INSECURE`, `…_TRACES_INSECURE` | `true`: gRPC to an endpoint without a scheme goes without TLS | `false` |
//! | `OTEL_TRACES_EXPORTER` | `otlp`, `none` or a list; `console` is the facade's | `otlp` |
//! | `OTEL_BSP_SCHEDULE_DELAY` | milliseconds in which spans gather | 5000 |
//! | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | spans in one request at the most | 512 |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | spans that may wait | 2048 |
//! | `OTEL_BSP_EXPORT_TIMEOUT` | milliseconds for which a request is retried | 300000 |
//! | `HOPLINE_MAX_QUEUE_BYTES` | bytes that may wait | 33554432 |
//! | `HOPLINE_SPOOL`, `HOPLINE_SPOOL_BYTES` | folder of the spool, and its size | none, 268435456 |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who the service is | the argument |
//! | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | as reqwest reads them; not for loopback, nor for gRPC | |
//!
//! Names of protocols, compressions and exporters are read in any case. An endpoint, certificate or folder that cannot be
//! used, and a protocol that is not compiled in, are errors at the start; other bad values are ignored, and a
//! [notice](hopline_core::notify) at the start names them.
//!
//! | feature | brings |
//! |---|---|
//! | `http` (default) | the [`Exporter`]; without it the crate is the codec and the file sink |
//! | `grpc` | OTLP/gRPC, by tonic |
//! | `tls` | `https` endpoints, by rustls with the certificates of the platform or those told |
//! | `spool` | spans of an outage are kept on disk |
//!
//! # What it will not do
//!
//! - Block or fail a request, whatever the collector does.
//! - Promise that a span arrives only once: after a connection broke it is sent again.
//! - Follow redirects, which would hand credentials to another host; read more than 4 MiB of an answer,
//!   unpacked or not; send more than 64 MiB in a request; pause for more than a minute because it was asked to.
//! - Use a folder for its spool that another account owns or can write to, or follow a link in one.
//! - Record spans on its own threads, which would make more to send for ever.
//! - Live on in a child after `fork`: threads do not. Build the exporter there, and see
//!   [`reseed_after_fork`](hopline_core::reseed_after_fork).
// the front page speaks of the exporter also where it is left out
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))]

mod any;
mod backlog;
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
pub use export::{CheckError, ConfigError, Exporter, ExporterBuilder, Protocol};
pub use file::FileSink;
pub use json::encode_json;
pub use resource::{resource_from_env, resource_from_variables};
pub use stats::ExportStats;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;

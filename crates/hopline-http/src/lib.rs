//! Building blocks for tracing HTTP: header carriers, methods, span names, hosts, redacted headers, client spans.
//!
//! Services use `hopline-axum`, `hopline-tower` and `hopline-reqwest`, which are built from these parts. This crate is
//! for authors who instrument another HTTP library and want the same spans.
//!
//! # Examples
//!
//! Read the caller's context from request headers, and write the current one to the headers of a call:
//!
//! ```
//! use hopline_core::{Context, Incoming};
//! use hopline_http::{HeaderExtractor, HeaderInjector};
//! use http::{HeaderMap, HeaderValue};
//!
//! let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! let mut received = HeaderMap::new();
//! received.insert("traceparent", HeaderValue::from_static(traceparent));
//! let incoming = Incoming::extract(&HeaderExtractor(&received));
//!
//! let mut sent = HeaderMap::new();
//! Context::remote(incoming).inject(&mut HeaderInjector(&mut sent));
//! assert_eq!(sent["traceparent"], traceparent);
//! ```
//!
//! Keep names and attributes bounded and free of secrets:
//!
//! ```
//! use hopline_http::{Redaction, RequestMethod, SpanName};
//!
//! let brew = http::Method::from_bytes(b"BREW").unwrap();
//! let method = RequestMethod::new(&brew);
//! assert_eq!((method.attribute(), method.original()), ("_OTHER", Some("BREW")));
//! assert_eq!(SpanName::new(method.in_name(), Some("/pots/{id}")).as_str(), "HTTP /pots/{id}");
//!
//! let url = "https://u:p@h/x?sig=1&page=2";
//! assert_eq!(Redaction::default().url(url), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
//! ```
//!
//! Trace a client as a whole, with [`client::ClientSpans`]; the example there records this span:
//!
//! ```text
//! GET ▸ gateway  200
//! ```
//!
//! # Contents
//!
//! | purpose | items |
//! |---|---|
//! | contexts in header maps | [`HeaderExtractor`], [`HeaderInjector`] |
//! | bounded names | [`SpanName`], [`RequestMethod`], [`grpc::method`], [`grpc::KnownMethods`] |
//! | redaction | [`Redaction`] for URLs, [`HeaderCapture`] for headers |
//! | addresses | [`Host`], [`IpText`], [`server::Forwarded`] |
//! | outcomes | [`server::record_status`], [`grpc::Status`] |
//! | trace ids in responses | [`server_timing`] |
//! | client spans as a whole | [`client`] |
//! | sizes of bodies | [`body`] |
//! | attribute names | [`attribute`] |
//!
//! # Configuration
//!
//! | variable | effect |
//! |---|---|
//! | `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` | replaces the [known methods](RequestMethod) |
//! | `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_…` | adds [headers to record](HeaderCapture) |
//!
//! Both are read once in a process. The crate sends no requests, serves none, and holds no other state.
//!
//! The rules are those of the [OpenTelemetry semantic conventions for HTTP spans], v1.44. The front pages of
//! hopline-tower and hopline-reqwest list the attributes of each span.
//!
//! [OpenTelemetry semantic conventions for HTTP spans]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

#![cfg_attr(docsrs, feature(doc_cfg))]

#[allow(
    unused_extern_crates,
    reason = "documentation in `client_options!` links to `hopline_http::…`, in this crate too"
)]
extern crate self as hopline_http;

pub mod attribute;
pub mod body;
pub mod client;
pub mod grpc;
mod headers;
mod host;
mod ip_text;
mod method;
pub mod server;
pub mod server_timing;
mod span_name;

pub use headers::{HeaderCapture, HeaderExtractor, HeaderInjector};
#[doc(no_inline)]
pub use hopline_core::redact::Redaction;
pub use host::Host;
pub use ip_text::IpText;
pub use method::RequestMethod;
pub use span_name::SpanName;

/// Types in the signatures that [`client_options!`] and [`client_host_options!`] generate.
#[doc(hidden)]
pub mod __macro {
    pub use crate::headers::HeaderCapture;
    pub use hopline_core::redact::Redaction;
    pub use hopline_core::{Tracer, TracerBuilder, semconv::OlderNames};
    pub use http::HeaderName;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Shared parts of hopline's HTTP spans: header carrier, method, route, captured headers, status and error rules.
//!
//! Services use `hopline-axum`, `hopline-tower` and `hopline-reqwest`, which are made of these pieces;
//! so is any other instrumentation of HTTP that wants to record the same:
//!
//! ```
//! use hopline_core::Incoming;
//! use hopline_http::{HeaderExtractor, Redaction, RequestMethod};
//! use http::{HeaderMap, HeaderValue, Method};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("traceparent", HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
//! assert!(Incoming::extract(&HeaderExtractor(&headers)).parent.is_some());
//!
//! let brew = Method::from_bytes(b"BREW").unwrap();
//! let method = RequestMethod::new(&brew);
//! assert_eq!((method.attribute(), method.in_name()), ("_OTHER", "HTTP"));
//!
//! let url = "https://u:p@h/x?sig=1&page=2";
//! assert_eq!(Redaction::default().url(url), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
//! ```
//!
//! | for | there is |
//! |---|---|
//! | contexts in header maps | [`HeaderExtractor`], [`HeaderInjector`] |
//! | names and methods, of which there are few | [`SpanName`], [`RequestMethod`], [`grpc::method`] |
//! | what is not recorded | [`Redaction`]; headers are recorded by [`Capture`] alone |
//! | who is asked, and by whom | [`Host`], [`Forwarded`], [`IpText`], [`is_internal_host`] |
//! | outcomes | [`fail_server`], [`grpc::Status`] |
//! | what an answer says of its trace | [`announce_trace`], [`announce_kept`], [`is_kept`] |
//! | a client's spans as a whole | [`client::ClientSpans`] |
//!
//! A call that [`client::ClientSpans`] records, as its example makes one:
//!
//! ```text
//! GET ▸ gateway  200
//! ```
//!
//! The names of attributes are in [`attribute`]; the tables of which stand on what are on the front pages of
//! hopline-tower and hopline-reqwest. What is redacted can be [replaced](Redaction); what counts as a known method
//! is up to `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, and which headers are recorded besides those that code names is
//! up to [`OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_…`](Capture). It makes no requests, serves none, and holds no
//! state but those lists.
//!
//! The rules are those of the [OpenTelemetry semantic conventions for HTTP spans], v1.44.
//!
//! [OpenTelemetry semantic conventions for HTTP spans]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

mod address;
pub mod attribute;
mod body;
mod capture;
mod carrier;
pub mod client;
mod extension;
mod forwarded;
pub mod grpc;
mod host;
mod hosts;
mod known_methods;
mod method;
mod name;
mod quoted;
mod server_timing;
mod status;
mod wanted_headers;

pub use address::IpText;
pub use capture::Capture;
pub use carrier::{HeaderExtractor, HeaderInjector};
pub use forwarded::Forwarded;
#[doc(no_inline)]
pub use hopline_core::redact::Redaction;
pub use host::{Host, is_internal_host};
pub use method::RequestMethod;
pub use name::SpanName;
pub use server_timing::{announce_kept, announce_trace, is_kept};
pub use status::{fail_server, protocol_version};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

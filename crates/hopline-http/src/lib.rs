//! What hopline's HTTP spans share: header carrier, method, route, URL redaction, status and error rules.
//!
//! Services use `hopline-axum`, `hopline-tower` and `hopline-reqwest`, which are made of these pieces;
//! so is any other instrumentation of HTTP that wants to record the same:
//!
//! ```
//! use hopline_core::Incoming;
//! use hopline_http::{HeaderExtractor, RequestMethod, redact_url};
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
//! assert_eq!(redact_url("https://u:p@h/x?sig=1&page=2"), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
//! ```
//!
//! The rules are those of the [OpenTelemetry semantic conventions for HTTP spans], v1.44.
//!
//! [OpenTelemetry semantic conventions for HTTP spans]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

pub mod attribute;
mod carrier;
mod host;
mod method;
mod name;
mod redact;
mod server_timing;
mod status;

pub use carrier::{HeaderExtractor, HeaderInjector};
pub use host::{Host, is_internal_host};
pub use method::RequestMethod;
pub use name::SpanName;
pub use redact::{redact_query, redact_url};
pub use server_timing::{announce_kept, is_kept};
pub use status::{fail_client, fail_server, protocol_version};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The settings of an exporter, complete and valid.
//!
//! `builder.rs` makes them from code, `variables.rs` from the environment; the exporter, its worker and its transport read
//! them.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::endpoint::shown;
use super::signal::Signal;
use super::tls::TlsMaterial;
use crate::bounds::Bounds;
use crate::bytes_text::{base64_encoded, percent_decoded};
use crate::queue::Leftover;

/// The encoding and transport of OTLP.
///
/// # Examples
///
/// ```
/// use hopline_otlp::{Exporter, Protocol};
///
/// assert_eq!(Protocol::default(), Protocol::HttpProtobuf);
/// let exporter = Exporter::builder().protocol(Protocol::HttpJson).build()?;
/// assert_eq!(exporter.to_string(), "http://localhost:4318/v1/traces (http/json)");
/// # Ok::<(), hopline_otlp::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Protocol Buffers over HTTP: `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP: `http/json`.
    HttpJson,
    /// Protocol Buffers over gRPC: `grpc`.
    #[cfg(feature = "grpc")]
    Grpc,
}

impl Protocol {
    /// As text for variables and notices.
    ///
    /// The protocol's name in `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
            #[cfg(feature = "grpc")]
            Self::Grpc => "grpc",
        }
    }
}

/// Destination, transport, capacity and times of an exporter.
///
/// Fields are public to this folder and not behind setters: the value is built once, and then only read.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The complete URL, without user and password.
    pub(crate) endpoint: Url,
    /// The signal, which decides the service of a gRPC request.
    pub(crate) signal: Signal,
    /// Headers of each request, all marked as sensitive.
    pub(crate) headers: HeaderMap,
    /// The encoding and transport.
    pub(crate) protocol: Protocol,
    /// True if requests are compressed.
    pub(crate) gzip: bool,
    /// Certificates for `https` endpoints.
    pub(crate) tls: TlsMaterial,
    /// The time limit of one attempt.
    pub(crate) timeout: Duration,
    /// The time for which spans are collected before they are sent.
    pub(crate) schedule_delay: Duration,
    /// The capacity of the queue.
    pub(crate) bounds: Bounds,
    /// The largest number of spans in a request.
    pub(crate) spans_at_once: usize,
    /// The time for which a request is retried.
    pub(crate) give_up_after: Duration,
    /// The folder for requests during an outage; none by default.
    #[cfg(feature = "spool")]
    pub(crate) spool: Option<super::spool::SpoolSettings>,
}

impl Settings {
    /// The defaults of the OTLP exporter and batch span processor specifications.
    ///
    /// A user and password in the endpoint become an `Authorization` header, so that no URL that is printed holds them.
    pub(crate) fn for_endpoint(mut endpoint: Url) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = basic_authorization(&endpoint) {
            headers.insert(AUTHORIZATION, authorization);
        }
        // these fail for URLs without a host only, which are no endpoints
        let _ = endpoint.set_username("");
        let _ = endpoint.set_password(None);
        Self {
            endpoint,
            signal: Signal::Traces,
            headers,
            protocol: Protocol::HttpProtobuf,
            gzip: false,
            tls: TlsMaterial::default(),
            timeout: Duration::from_secs(10),
            schedule_delay: Duration::from_secs(5),
            bounds: Bounds {
                spans: 2048,
                bytes: 32 << 20,
                slow: None,
            },
            spans_at_once: 512,
            give_up_after: Duration::from_secs(300),
            #[cfg(feature = "spool")]
            spool: None,
        }
    }

    /// The number of waiting spans from which the worker sends without further delay: a full request, or half of a queue
    /// that is smaller than two of them, so that it is emptied before it is full.
    pub(crate) fn wake_at(&self) -> usize {
        self.spans_at_once.min(self.bounds.spans.div_ceil(2))
    }

    /// Adds headers to each request. An `Authorization` among them replaces the one made from the endpoint.
    pub(crate) fn add_headers(&mut self, headers: HeaderMap) {
        if headers.contains_key(AUTHORIZATION) {
            self.headers.remove(AUTHORIZATION);
        }
        let mut name = None;
        for (next, value) in headers {
            name = next.or(name);
            if let Some(name) = &name {
                self.headers.append(name, value);
            }
        }
    }

    /// The use of a shutdown's last moments: spans are written to the spool, if there is one.
    pub(crate) fn leftover(&self) -> Leftover {
        #[cfg(feature = "spool")]
        if self.spool.is_some() {
            return Leftover::Spooled;
        }
        Leftover::Counted
    }
}

/// Prints no header values, no keys, and no credentials of the URL.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &shown(&self.endpoint))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("protocol", &self.protocol)
            .field("gzip", &self.gzip)
            .field("authorities", &self.tls.authorities.is_some())
            .field("client_certificate", &self.tls.client.is_some())
            .field("timeout", &self.timeout)
            .field("schedule_delay", &self.schedule_delay)
            .field("bounds", &self.bounds)
            .field("spans_at_once", &self.spans_at_once)
            .field("give_up_after", &self.give_up_after)
            .finish_non_exhaustive()
    }
}

/// The `Authorization` header for the user and password of a URL ([RFC 7617]); `None` if it has neither.
///
/// [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617
fn basic_authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decoded(text).unwrap_or_else(|| text.to_owned());
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let pair = format!("{}:{}", decoded(user), decoded(password));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", base64_encoded(pair.as_bytes()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A header for each request, or `None` if it is invalid. Its value counts as a secret, and no `Debug` prints it.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

//! All there is to decide about an exporter.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::endpoint::shown;
#[cfg(feature = "tls")]
use super::problem::{ConfigError, Problem};
use crate::bytes_text::{base64_encoded, percent_decoded};
use crate::queue::{Bounds, Rest};

/// How spans are written on the wire.
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
    /// As `OTEL_EXPORTER_OTLP_PROTOCOL` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
            #[cfg(feature = "grpc")]
            Self::Grpc => "grpc",
        }
    }
}

/// Where, how and how much to export.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) endpoint: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) protocol: Protocol,
    pub(crate) gzip: bool,
    pub(crate) trust: Trust,
    pub(crate) timeout: Duration,
    pub(crate) schedule_delay: Duration,
    pub(crate) bounds: Bounds,
    pub(crate) spans_at_once: usize,
    pub(crate) give_up_after: Duration,
    #[cfg(feature = "spool")]
    pub(crate) spool: Option<super::spool::SpoolSettings>,
}

/// Whom to trust and as whom to come, in PEM; the platform's certificates and nobody, if not said.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    pub(crate) authorities: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(feature = "tls")]
impl Trust {
    pub(super) fn authorities(&self) -> Result<Option<Vec<reqwest::Certificate>>, ConfigError> {
        let Some(pem) = &self.authorities else {
            return Ok(None);
        };
        match reqwest::Certificate::from_pem_bundle(pem) {
            Ok(found) if !found.is_empty() => Ok(Some(found)),
            _ => Err(unusable("the certificate to trust")),
        }
    }

    pub(super) fn identity(&self) -> Result<Option<reqwest::Identity>, ConfigError> {
        let Some((certificate, key)) = &self.client else {
            return Ok(None);
        };
        let pem = [certificate.as_slice(), b"\n", key.as_slice()].concat();
        let identity = reqwest::Identity::from_pem(&pem);
        identity
            .map(Some)
            .map_err(|_| unusable("the client's certificate or key"))
    }
}

#[cfg(feature = "tls")]
fn unusable(what: &str) -> ConfigError {
    Problem::Certificate(format!("{what} is not PEM that can be used")).into()
}

impl Settings {
    /// What the OTLP exporter and batch processor specifications give as defaults.
    ///
    /// A user and password of the endpoint become a header, so that no URL holds them that could be printed.
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
            headers,
            protocol: Protocol::HttpProtobuf,
            gzip: false,
            trust: Trust::default(),
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

    /// From how many spans on nobody waits for more; a small queue is emptied before it is full.
    pub(crate) fn ample(&self) -> usize {
        self.spans_at_once.min(self.bounds.spans.div_ceil(2))
    }

    /// Adds headers that are sent with each request; a name of theirs replaces what the endpoint made of it.
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

    pub(crate) fn rest(&self) -> Rest {
        #[cfg(feature = "spool")]
        if self.spool.is_some() {
            return Rest::Spooled;
        }
        Rest::Counted
    }
}

/// Prints no header value, no key, and nothing of the URL that could be a credential.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &shown(&self.endpoint))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("protocol", &self.protocol)
            .field("gzip", &self.gzip)
            .field("authorities", &self.trust.authorities.is_some())
            .field("client_certificate", &self.trust.client.is_some())
            .field("timeout", &self.timeout)
            .field("schedule_delay", &self.schedule_delay)
            .field("bounds", &self.bounds)
            .field("spans_at_once", &self.spans_at_once)
            .field("give_up_after", &self.give_up_after)
            .finish_non_exhaustive()
    }
}

/// What HTTP makes of the user and password of a URL ([RFC 7617]).
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

/// A header for each request; its value counts as a secret.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

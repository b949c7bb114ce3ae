//! Where and how to export, from code or from the environment.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::env::{Env, pairs};

/// How spans are written on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Protocol Buffers over HTTP: `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP: `http/json`.
    HttpJson,
}

/// The exporter cannot work with what it was told.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConfigError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the OTLP endpoint {0} is not an absolute http or https URL with a host")]
    Endpoint(String),
    #[cfg(not(feature = "tls"))]
    #[error(
        "the OTLP endpoint {0} needs TLS: enable the feature `tls` of hopline-otlp (`otlp-tls` of hopline), or use http"
    )]
    Tls(String),
    #[error(
        "OTLP over {0} is not supported: use http/protobuf or http/json, whose usual port is 4318"
    )]
    Protocol(&'static str),
    #[error("{0:?} is not a valid header name, or its value is not valid")]
    Header(String),
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    #[error("the export thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// All there is to decide about an exporter.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) endpoint: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) protocol: Protocol,
    pub(crate) timeout: Duration,
    pub(crate) schedule_delay: Duration,
    pub(crate) max_queue_spans: usize,
    pub(crate) give_up_after: Duration,
}

impl Settings {
    /// What the OTLP exporter and batch processor specifications give as defaults.
    pub(crate) fn for_endpoint(endpoint: Url) -> Self {
        Self {
            endpoint,
            headers: HeaderMap::new(),
            protocol: Protocol::HttpProtobuf,
            timeout: Duration::from_secs(10),
            schedule_delay: Duration::from_secs(5),
            max_queue_spans: 2048,
            give_up_after: Duration::from_secs(300),
        }
    }

    /// Reads the variables; `None` if they ask for no OTLP export.
    pub(crate) fn read(env: &mut Env<'_>) -> Result<Option<Self>, ConfigError> {
        if !wants_otlp(env) {
            return Ok(None);
        }
        let mut settings = Self::for_endpoint(endpoint(env)?);
        if let Some((name, text)) = env.first([
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ]) {
            settings.protocol = protocol(env, name, &text)?;
        }
        if let Some((name, text)) = env.first([
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ]) {
            settings.headers = headers(env, name, &text);
        }
        if let Some((name, text)) = env.first([
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
        ]) {
            // zero would mean that no request ever succeeds
            let timeout = env.millis(name, &text).filter(|timeout| !timeout.is_zero());
            settings.timeout = timeout.unwrap_or(settings.timeout);
        }
        if let Some((name, text)) = env.first([
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
        ]) && text != "none"
        {
            env.warn(format!(
                "{name} asks for compression, which is not supported; requests go uncompressed"
            ));
        }
        if let Some(text) = env.text("OTEL_BSP_SCHEDULE_DELAY") {
            let delay = env.millis("OTEL_BSP_SCHEDULE_DELAY", &text);
            settings.schedule_delay = delay.unwrap_or(settings.schedule_delay);
        }
        if let Some(text) = env.text("OTEL_BSP_MAX_QUEUE_SIZE") {
            let spans = env
                .number("OTEL_BSP_MAX_QUEUE_SIZE", &text)
                .and_then(|spans| usize::try_from(spans).ok());
            settings.max_queue_spans = spans
                .filter(|spans| *spans > 0)
                .unwrap_or(settings.max_queue_spans);
        }
        Ok(Some(settings))
    }
}

/// Prints no header value and nothing of the URL that could be a credential.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &shown(&self.endpoint))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("protocol", &self.protocol)
            .field("timeout", &self.timeout)
            .field("schedule_delay", &self.schedule_delay)
            .field("max_queue_spans", &self.max_queue_spans)
            .field("give_up_after", &self.give_up_after)
            .finish()
    }
}

/// A URL that spans can be sent to, as it stands.
pub(crate) fn traces_endpoint(text: &str) -> Result<Url, ConfigError> {
    // what does not parse is not shown: it might be a secret set in the wrong place
    let url =
        Url::parse(text).map_err(|error| Problem::Endpoint(format!("(unreadable: {error})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Problem::Endpoint(shown(&url)).into());
    }
    #[cfg(not(feature = "tls"))]
    if url.scheme() == "https" {
        return Err(Problem::Tls(shown(&url)).into());
    }
    Ok(url)
}

/// The URL for traces under a base that serves all signals.
pub(crate) fn base_endpoint(text: &str) -> Result<Url, ConfigError> {
    let mut url = traces_endpoint(text)?;
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

pub(crate) const DEFAULT_BASE: &str = "http://localhost:4318";

/// A URL without user, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// A header for each request; its value counts as a secret.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn wants_otlp(env: &mut Env<'_>) -> bool {
    let Some(list) = env.text("OTEL_TRACES_EXPORTER") else {
        return true;
    };
    let mut wanted = false;
    let mut others = false;
    for name in list.split(',').map(str::trim) {
        match name {
            "otlp" => wanted = true,
            "none" | "console" => others = true,
            _ => env.warn(format!(
                "OTEL_TRACES_EXPORTER names {name:?}, which is unknown and is ignored"
            )),
        }
    }
    // where nothing that is known was named, the default holds
    wanted || !others
}

fn endpoint(env: &Env<'_>) -> Result<Url, ConfigError> {
    match env.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        Some(url) => traces_endpoint(&url),
        None => base_endpoint(
            env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
                .as_deref()
                .unwrap_or(DEFAULT_BASE),
        ),
    }
}

fn protocol(env: &mut Env<'_>, name: &str, text: &str) -> Result<Protocol, ConfigError> {
    match text {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        "grpc" => Err(Problem::Protocol("gRPC").into()),
        _ => {
            env.warn(format!(
                "{name} names an unknown protocol; http/protobuf is used"
            ));
            Ok(Protocol::HttpProtobuf)
        }
    }
}

fn headers(env: &mut Env<'_>, variable: &str, list: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for pair in pairs(list) {
        match pair.and_then(|(name, value)| header(&name, &value)) {
            Some((name, value)) => {
                headers.append(name, value);
            }
            None => env.warn(format!(
                "a member of {variable} is not name=value and is ignored"
            )),
        }
    }
    headers
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;

//! What the environment says about the exporter.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName};

use super::endpoint::{DEFAULT_BASE, base_endpoint, presentable, traces_endpoint};
#[cfg(feature = "grpc")]
use super::endpoint::{DEFAULT_GRPC, grpc_endpoint};
use super::problem::{ConfigError, Problem};
use super::settings::{Protocol, Settings, Trust, header};
use crate::bytes_text::percent_decoded;
use crate::env::{Env, members};

impl Settings {
    /// Reads the variables; `None` if they ask for no OTLP export.
    pub(crate) fn read(env: &mut Env<'_>) -> Result<Option<Self>, ConfigError> {
        if !wants_otlp(env) {
            return Ok(None);
        }
        let protocol = protocol(env)?;
        let mut settings = Self::for_endpoint(endpoint(env, protocol)?);
        settings.protocol = protocol;
        if let Some((name, text)) = env.first(HEADERS) {
            settings.add_headers(headers(env, name, &text));
        }
        if let Some((name, text)) = env.first(TIMEOUT) {
            // zero would mean that no request ever succeeds
            let timeout = env.millis(name, &text).filter(|timeout| !timeout.is_zero());
            settings.timeout = timeout.unwrap_or(settings.timeout);
        }
        if let Some((name, text)) = env.first(COMPRESSION) {
            match text.to_ascii_lowercase().as_str() {
                "gzip" => settings.gzip = true,
                "none" => {}
                _ => env.warn(format!(
                    "{name} is {}, which is neither gzip nor none; requests go uncompressed",
                    quoted(&text)
                )),
            }
        }
        settings.trust = trust(env)?;
        settings.read_batching(env);
        #[cfg(feature = "spool")]
        settings.read_spool(env);
        Ok(Some(settings))
    }

    /// The batch span processor's variables, as far as they have a meaning here.
    fn read_batching(&mut self, env: &mut Env<'_>) {
        if let Some(delay) = millis(env, "OTEL_BSP_SCHEDULE_DELAY") {
            self.schedule_delay = delay;
        }
        if let Some(limit) = millis(env, "OTEL_BSP_EXPORT_TIMEOUT").filter(|limit| !limit.is_zero())
        {
            self.give_up_after = limit;
        }
        if let Some(spans) = count(env, "OTEL_BSP_MAX_QUEUE_SIZE") {
            self.bounds.spans = spans;
        }
        if let Some(bytes) = count(env, "HOPLINE_MAX_QUEUE_BYTES") {
            self.bounds.bytes = bytes;
        }
        if let Some(spans) = count(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE") {
            self.spans_at_once = spans;
        }
        if self.spans_at_once > self.bounds.spans {
            self.spans_at_once = self.bounds.spans;
        }
    }

    #[cfg(feature = "spool")]
    fn read_spool(&mut self, env: &mut Env<'_>) {
        let bytes = count(env, "HOPLINE_SPOOL_BYTES");
        match env.text("HOPLINE_SPOOL") {
            Some(folder) => {
                let bytes = bytes.map_or(super::spool::DEFAULT_BYTES, |bytes| bytes as u64);
                self.spool = Some(super::spool::SpoolSettings::new(folder, bytes));
            }
            None if bytes.is_some() => env.warn(
                "HOPLINE_SPOOL_BYTES has no effect without HOPLINE_SPOOL, the folder".to_owned(),
            ),
            None => {}
        }
    }
}

/// The variables of a setting: the one for traces wins over the one for all signals.
type Names = [&'static str; 2];

macro_rules! names {
    ($($constant:ident = $ending:literal),+ $(,)?) => {$(
        const $constant: Names = [
            concat!("OTEL_EXPORTER_OTLP_TRACES_", $ending),
            concat!("OTEL_EXPORTER_OTLP_", $ending),
        ];
    )+};
}

names! {
    PROTOCOL = "PROTOCOL",
    HEADERS = "HEADERS",
    TIMEOUT = "TIMEOUT",
    COMPRESSION = "COMPRESSION",
    CERTIFICATE = "CERTIFICATE",
    CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE",
    CLIENT_KEY = "CLIENT_KEY",
    INSECURE = "INSECURE",
    ENDPOINT = "ENDPOINT",
}

fn wants_otlp(env: &mut Env<'_>) -> bool {
    let Some(list) = env.text("OTEL_TRACES_EXPORTER") else {
        return true;
    };
    let mut wanted = false;
    let mut others = false;
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name.to_ascii_lowercase().as_str() {
            "otlp" => wanted = true,
            "none" | "console" => others = true,
            _ => env.warn(format!(
                "OTEL_TRACES_EXPORTER names {}, which is none of otlp, console and none, and is ignored",
                quoted(name)
            )),
        }
    }
    // where nothing that is known was named, the default holds
    wanted || !others
}

fn endpoint(env: &mut Env<'_>, protocol: Protocol) -> Result<reqwest::Url, ConfigError> {
    // it is about gRPC alone: an HTTP endpoint has a scheme
    let insecure = insecure(env);
    let given = env.first(ENDPOINT);
    let text = given.as_ref().map(|(_, text)| text.as_str());
    let url = match protocol {
        #[cfg(feature = "grpc")]
        Protocol::Grpc => grpc_endpoint(text.unwrap_or(DEFAULT_GRPC), insecure),
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            let _ = insecure;
            match &given {
                Some((name, url)) if *name == ENDPOINT[0] => traces_endpoint(url),
                _ => base_endpoint(text.unwrap_or(DEFAULT_BASE)),
            }
        }
    };
    url.map_err(|error| match &given {
        Some((name, text)) => error.set_by(name, presentable(text)),
        None => error,
    })
}

fn insecure(env: &mut Env<'_>) -> bool {
    let Some((name, text)) = env.first(INSECURE) else {
        return false;
    };
    if text.eq_ignore_ascii_case("true") {
        return true;
    }
    if !text.eq_ignore_ascii_case("false") {
        env.warn(format!("{name} is `true` or `false`; false is taken"));
    }
    false
}

fn protocol(env: &mut Env<'_>) -> Result<Protocol, ConfigError> {
    let Some((name, text)) = env.first(PROTOCOL) else {
        return Ok(Protocol::default());
    };
    match text.to_ascii_lowercase().as_str() {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        #[cfg(feature = "grpc")]
        "grpc" => Ok(Protocol::Grpc),
        #[cfg(not(feature = "grpc"))]
        "grpc" => Err(ConfigError::from(Problem::Grpc).set_by(name, text)),
        _ => {
            env.warn(format!(
                "{name} is {}, which is none of http/protobuf, http/json and grpc; http/protobuf is used",
                quoted(&text)
            ));
            Ok(Protocol::HttpProtobuf)
        }
    }
}

/// Names as they were written, and values percent-decoded, or as they were written where an escape is malformed.
fn headers(env: &mut Env<'_>, variable: &str, list: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for member in members(list) {
        let Some((name, value)) = member else {
            env.warn(format!(
                "a member of {variable} is not name=value and is ignored"
            ));
            continue;
        };
        let value = percent_decoded(value).unwrap_or_else(|| value.to_owned());
        match (
            HeaderName::from_bytes(name.as_bytes()),
            header(name, &value),
        ) {
            (_, Some((name, value))) => {
                headers.append(name, value);
            }
            // the name is printed where it is one: else it may be a part of a value
            (Ok(name), None) => env.warn(format!(
                "the value of {name} in {variable} cannot be a header's, and the header is left out"
            )),
            (Err(_), None) => env.warn(format!(
                "a member of {variable} has an invalid name and is ignored"
            )),
        }
    }
    headers
}

/// Files that cannot be read are errors: without them spans would go nowhere, or to the wrong collector.
fn trust(env: &Env<'_>) -> Result<Trust, ConfigError> {
    let authorities = pem(env, CERTIFICATE, "the certificate to trust")?;
    let certificate = pem(env, CLIENT_CERTIFICATE, "the client's certificate")?;
    let key = pem(env, CLIENT_KEY, "the client's key")?;
    let client = match (certificate, key) {
        (Some((_, certificate)), Some((_, key))) => Some((certificate, key)),
        (None, None) => None,
        (Some((set, _)), None) | (None, Some((set, _))) => {
            return Err(set.mark(Problem::HalfIdentity));
        }
    };
    Ok(Trust {
        authorities: authorities.map(|(_, pem)| pem),
        client,
    })
}

/// Names the variable of a setting that proved unusable only when the exporter was built.
pub(super) fn set_by_variables(error: ConfigError, env: &Env<'_>) -> ConfigError {
    let names: &[&'static str] = match () {
        () if error.is_spool() => &["HOPLINE_SPOOL"],
        () if error.is_certificate() => &[
            CERTIFICATE[0],
            CERTIFICATE[1],
            CLIENT_CERTIFICATE[0],
            CLIENT_CERTIFICATE[1],
        ],
        () => &[],
    };
    let mut set = names
        .iter()
        .filter_map(|name| Some((*name, env.text(name)?)));
    match (set.next(), set.next()) {
        (Some((variable, path)), None) => {
            let text = FileVariable { variable, path }.shown_path();
            error.set_by(variable, text)
        }
        // with several, it does not name the one
        _ => error,
    }
}

/// A variable that names a file.
struct FileVariable {
    variable: &'static str,
    path: String,
}

impl FileVariable {
    fn mark(&self, problem: Problem) -> ConfigError {
        ConfigError::from(problem).set_by(self.variable, self.shown_path())
    }

    /// The path, unless it is the content of the file in the wrong place, which may be a key.
    fn shown_path(&self) -> String {
        if self.path.contains("-----BEGIN") || self.path.contains(char::is_control) {
            return "(PEM text)".to_owned();
        }
        self.path.clone()
    }
}

fn pem(
    env: &Env<'_>,
    names: Names,
    what: &'static str,
) -> Result<Option<(FileVariable, Vec<u8>)>, ConfigError> {
    let Some((variable, path)) = env.first(names) else {
        return Ok(None);
    };
    let set = FileVariable { variable, path };
    match std::fs::read(&set.path) {
        Ok(pem) => Ok(Some((set, pem))),
        Err(error) => {
            let path = set.shown_path();
            Err(set.mark(Problem::File { what, path, error }))
        }
    }
}

/// The head of a value in a notice.
fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let head: String = text.chars().take(MOST).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", head.escape_debug())
}

fn millis(env: &mut Env<'_>, name: &str) -> Option<Duration> {
    let text = env.text(name)?;
    env.millis(name, &text)
}

/// A number of things, of which there must be one at least.
fn count(env: &mut Env<'_>, name: &str) -> Option<usize> {
    let text = env.text(name)?;
    let number = env.number(name, &text)?;
    if number == 0 {
        env.warn(format!("{name} is 0 and is ignored"));
    }
    usize::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
#[path = "variables_tests.rs"]
mod tests;

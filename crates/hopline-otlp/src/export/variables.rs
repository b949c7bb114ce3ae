//! What the environment says about the exporter.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::endpoint::{DEFAULT_BASE, base_endpoint, traces_endpoint};
#[cfg(feature = "grpc")]
use super::endpoint::{DEFAULT_GRPC, grpc_endpoint};
use super::problem::{ConfigError, Problem};
use super::settings::{Protocol, Settings, Trust, header};
use crate::env::{Env, pairs};

impl Settings {
    /// Reads the variables; `None` if they ask for no OTLP export.
    pub(crate) fn read(env: &mut Env<'_>) -> Result<Option<Self>, ConfigError> {
        if !wants_otlp(env) {
            return Ok(None);
        }
        let protocol = protocol(env)?;
        let mut settings = Self::for_endpoint(endpoint(env, protocol)?);
        settings.protocol = protocol;
        if let Some((name, text)) = either(env, "HEADERS") {
            settings.headers = headers(env, name, &text);
        }
        if let Some((name, text)) = either(env, "TIMEOUT") {
            // zero would mean that no request ever succeeds
            let timeout = env.millis(name, &text).filter(|timeout| !timeout.is_zero());
            settings.timeout = timeout.unwrap_or(settings.timeout);
        }
        if let Some((name, text)) = either(env, "COMPRESSION") {
            match text.as_str() {
                "gzip" => settings.gzip = true,
                "none" => {}
                _ => env.warn(format!(
                    "{name} is `gzip` or `none`; requests go uncompressed"
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

/// The variable of this ending for traces, else the one for all signals.
fn either(env: &Env<'_>, ending: &str) -> Option<(&'static str, String)> {
    const NAMES: [[&str; 2]; 9] = [
        [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
            "OTEL_EXPORTER_OTLP_INSECURE",
        ],
        [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ],
    ];
    let of_ending =
        |names: &&[&'static str; 2]| names[1].strip_prefix("OTEL_EXPORTER_OTLP_") == Some(ending);
    env.first(*NAMES.iter().find(of_ending)?)
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
        match name {
            "otlp" => wanted = true,
            "none" | "console" => others = true,
            _ => env.warn(format!(
                "OTEL_TRACES_EXPORTER names {name:?}, which is none of otlp, console and none, and is ignored"
            )),
        }
    }
    // where nothing that is known was named, the default holds
    wanted || !others
}

fn endpoint(env: &mut Env<'_>, protocol: Protocol) -> Result<reqwest::Url, ConfigError> {
    let insecure = insecure(env);
    match protocol {
        #[cfg(feature = "grpc")]
        Protocol::Grpc => {
            let said = either(env, "ENDPOINT").map(|(_, url)| url);
            grpc_endpoint(said.as_deref().unwrap_or(DEFAULT_GRPC), insecure)
        }
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            // it is about gRPC alone: an HTTP endpoint says itself by its scheme
            let _ = insecure;
            match env.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
                Some(url) => traces_endpoint(&url),
                None => base_endpoint(
                    env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
                        .as_deref()
                        .unwrap_or(DEFAULT_BASE),
                ),
            }
        }
    }
}

fn insecure(env: &mut Env<'_>) -> bool {
    let Some((name, text)) = either(env, "INSECURE") else {
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
    let Some((name, text)) = either(env, "PROTOCOL") else {
        return Ok(Protocol::default());
    };
    match text.as_str() {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        #[cfg(feature = "grpc")]
        "grpc" => Ok(Protocol::Grpc),
        #[cfg(not(feature = "grpc"))]
        "grpc" => Err(Problem::Grpc.into()),
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

/// Files that cannot be read are errors: without them spans would go nowhere, or to the wrong one.
fn trust(env: &Env<'_>) -> Result<Trust, ConfigError> {
    let read = |ending: &str, what: &'static str| -> Result<Option<Vec<u8>>, ConfigError> {
        let Some((_, path)) = either(env, ending) else {
            return Ok(None);
        };
        match std::fs::read(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => Err(Problem::File { what, path, error }.into()),
        }
    };
    let authorities = read("CERTIFICATE", "the certificate to trust")?;
    let certificate = read("CLIENT_CERTIFICATE", "the client's certificate")?;
    let key = read("CLIENT_KEY", "the client's key")?;
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let why = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY go together";
            return Err(Problem::Certificate(why.to_owned()).into());
        }
    };
    Ok(Trust {
        authorities,
        client,
    })
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

//! Settings from the environment's variables.
//!
//! `Exporter::from_variables` calls it. As the OTLP exporter specification asks, a variable for one signal
//! (`OTEL_EXPORTER_OTLP_TRACES_…`, `OTEL_EXPORTER_OTLP_METRICS_…`) wins over the one for all signals (`OTEL_EXPORTER_OTLP_…`). Wrong values are warnings,
//! except those without which no span could arrive: endpoint, certificates, protocol.

use hopline_core::variables::Variables;
use reqwest::header::{HeaderMap, HeaderName};

use super::endpoint::{DEFAULT_BASE, base_endpoint, complete_endpoint, presentable};
#[cfg(feature = "grpc")]
use super::endpoint::{DEFAULT_GRPC, grpc_endpoint};
use super::problem::{ConfigError, Problem};
use super::settings::{Protocol, Settings, header};
use super::signal::Signal;
use super::tls::TlsMaterial;
use crate::bytes_text::percent_decoded;
use crate::lists::members;

impl Settings {
    /// Reads the variables; `None` if they select no OTLP export.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint or a certificate is unusable, or if this build lacks the protocol.
    pub(crate) fn read(variables: &mut Variables<'_>) -> Result<Option<Self>, ConfigError> {
        if !wants_otlp(variables) {
            return Ok(None);
        }
        let mut settings = Self::read_transport(variables, Signal::Traces)?;
        settings.read_batching(variables);
        #[cfg(feature = "spool")]
        settings.read_spool(variables);
        Ok(Some(settings))
    }

    /// Reads endpoint, protocol, headers, time-out, compression and certificates of a signal.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint or a certificate is unusable, or if this build lacks the protocol.
    pub(crate) fn read_transport(
        variables: &mut Variables<'_>,
        signal: Signal,
    ) -> Result<Self, ConfigError> {
        let protocol = protocol(variables, signal)?;
        let mut settings = Self::for_endpoint(endpoint(variables, signal, protocol)?);
        settings.protocol = protocol;
        settings.signal = signal;
        if let Some((name, text)) = otlp_variable(variables, signal, "HEADERS") {
            settings.add_headers(headers(variables, &name, &text));
        }
        if let Some((name, _)) = otlp_variable(variables, signal, "TIMEOUT") {
            // with zero no request would ever succeed
            let timeout = variables.millis(&name).filter(|timeout| !timeout.is_zero());
            settings.timeout = timeout.unwrap_or(settings.timeout);
        }
        if let Some((name, text)) = otlp_variable(variables, signal, "COMPRESSION") {
            match text.to_ascii_lowercase().as_str() {
                "gzip" => settings.gzip = true,
                "none" => {}
                _ => variables.warn(format!(
                    "{name} is {}, which is neither gzip nor none; requests are not compressed",
                    quoted(&text)
                )),
            }
        }
        settings.tls = tls(variables, signal)?;
        Ok(settings)
    }

    /// The variables of the batch span processor, for queue and requests.
    fn read_batching(&mut self, variables: &mut Variables<'_>) {
        if let Some(delay) = variables.millis("OTEL_BSP_SCHEDULE_DELAY") {
            self.schedule_delay = delay;
        }
        if let Some(limit) = variables
            .millis("OTEL_BSP_EXPORT_TIMEOUT")
            .filter(|limit| !limit.is_zero())
        {
            self.give_up_after = limit;
        }
        if let Some(spans) = variables.count("OTEL_BSP_MAX_QUEUE_SIZE") {
            self.bounds.spans = spans;
        }
        if let Some(bytes) = variables.count("HOPLINE_MAX_QUEUE_BYTES") {
            self.bounds.bytes = bytes;
        }
        if let Some(spans) = variables.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") {
            self.spans_at_once = spans;
        }
        if self.spans_at_once > self.bounds.spans {
            self.spans_at_once = self.bounds.spans;
        }
    }

    #[cfg(feature = "spool")]
    fn read_spool(&mut self, variables: &mut Variables<'_>) {
        let bytes = variables.count("HOPLINE_SPOOL_BYTES");
        match variables.text("HOPLINE_SPOOL") {
            Some(folder) => {
                let bytes = bytes.map_or(super::spool::DEFAULT_BYTES, |bytes| bytes as u64);
                self.spool = Some(super::spool::SpoolSettings::new(folder, bytes));
            }
            None if bytes.is_some() => variables.warn(
                "HOPLINE_SPOOL_BYTES has no effect without HOPLINE_SPOOL, the folder".to_owned(),
            ),
            None => {}
        }
    }
}

/// The variable of a setting that is set, and its value: the one for the signal wins over the one for all signals.
fn otlp_variable(
    variables: &Variables<'_>,
    signal: Signal,
    setting: &str,
) -> Option<(String, String)> {
    [signal.variables(), "OTEL_EXPORTER_OTLP_"]
        .into_iter()
        .find_map(|prefix| {
            let name = format!("{prefix}{setting}");
            let text = variables.text(&name)?;
            Some((name, text))
        })
}

/// True if `OTEL_TRACES_EXPORTER` names `otlp`, or no known exporter.
fn wants_otlp(variables: &mut Variables<'_>) -> bool {
    let Some(list) = variables.text("OTEL_TRACES_EXPORTER") else {
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
            _ => variables.warn(format!(
                "OTEL_TRACES_EXPORTER names {}, which is none of otlp, console and none, and is ignored",
                quoted(name)
            )),
        }
    }
    // without a known name the default holds
    wanted || !others
}

fn endpoint(
    variables: &mut Variables<'_>,
    signal: Signal,
    protocol: Protocol,
) -> Result<reqwest::Url, ConfigError> {
    // read for its warning; it changes gRPC only, since an HTTP endpoint has a scheme
    let insecure = insecure(variables, signal);
    let given = otlp_variable(variables, signal, "ENDPOINT");
    let text = given.as_ref().map(|(_, text)| text.as_str());
    let url = match protocol {
        #[cfg(feature = "grpc")]
        Protocol::Grpc => grpc_endpoint(text.unwrap_or(DEFAULT_GRPC), insecure),
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            let _ = insecure;
            match &given {
                Some((name, url)) if name.starts_with(signal.variables()) => complete_endpoint(url),
                _ => base_endpoint(text.unwrap_or(DEFAULT_BASE), signal),
            }
        }
    };
    url.map_err(|error| match &given {
        Some((name, text)) => error.set_by(name.as_str(), presentable(text)),
        None => error,
    })
}

fn insecure(variables: &mut Variables<'_>, signal: Signal) -> bool {
    match otlp_variable(variables, signal, "INSECURE") {
        Some((name, _)) => variables.is_true(&name),
        None => false,
    }
}

fn protocol(variables: &mut Variables<'_>, signal: Signal) -> Result<Protocol, ConfigError> {
    let Some((name, text)) = otlp_variable(variables, signal, "PROTOCOL") else {
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
            variables.warn(format!(
                "{name} is {}, which is none of http/protobuf, http/json and grpc; http/protobuf is used",
                quoted(&text)
            ));
            Ok(Protocol::HttpProtobuf)
        }
    }
}

/// Headers of a list: names unchanged, values percent-decoded, or unchanged if an escape is malformed.
fn headers(variables: &mut Variables<'_>, variable: &str, list: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for member in members(list) {
        let Some((name, value)) = member else {
            variables.warn(format!(
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
            // an invalid name is not printed: it may be a part of a value
            (Ok(name), None) => variables.warn(format!(
                "the value of {name} in {variable} is not valid in a header; the header is left out"
            )),
            (Err(_), None) => variables.warn(format!(
                "a member of {variable} has an invalid name and is ignored"
            )),
        }
    }
    headers
}

/// Certificates and keys. A file that cannot be read is an error: without it spans would not arrive, or arrive at the
/// wrong collector.
fn tls(variables: &Variables<'_>, signal: Signal) -> Result<TlsMaterial, ConfigError> {
    let authorities = pem(variables, signal, "CERTIFICATE", "the certificate to trust")?;
    let certificate = pem(
        variables,
        signal,
        "CLIENT_CERTIFICATE",
        "the client's certificate",
    )?;
    let key = pem(variables, signal, "CLIENT_KEY", "the client's key")?;
    let client = match (certificate, key) {
        (Some((_, certificate)), Some((_, key))) => Some((certificate, key)),
        (None, None) => None,
        (Some((set, _)), None) | (None, Some((set, _))) => {
            return Err(set.mark(Problem::HalfIdentity));
        }
    };
    Ok(TlsMaterial {
        authorities: authorities.map(|(_, pem)| pem),
        client,
    })
}

/// Adds the variable to the error of a setting that proved unusable when the exporter was built.
pub(super) fn set_by_variables(
    error: ConfigError,
    variables: &Variables<'_>,
    signal: Signal,
) -> ConfigError {
    let mut set = match () {
        () if error.is_spool() => vec![
            variables
                .text("HOPLINE_SPOOL")
                .map(|path| ("HOPLINE_SPOOL".to_owned(), path)),
        ],
        () if error.is_certificate() => ["CERTIFICATE", "CLIENT_CERTIFICATE"]
            .into_iter()
            .map(|setting| otlp_variable(variables, signal, setting))
            .collect(),
        () => Vec::new(),
    }
    .into_iter()
    .flatten();
    match (set.next(), set.next()) {
        (Some((variable, path)), None) => {
            let set = FileVariable { variable, path };
            error.set_by(set.variable.as_str(), set.shown_path())
        }
        // with several certificates it is unknown which one is unusable
        _ => error,
    }
}

/// A variable that names a file.
struct FileVariable {
    variable: String,
    path: String,
}

impl FileVariable {
    fn mark(&self, problem: Problem) -> ConfigError {
        ConfigError::from(problem).set_by(self.variable.as_str(), self.shown_path())
    }

    /// The path, or a placeholder if the value is the file's content, which may be a key.
    fn shown_path(&self) -> String {
        if self.path.contains("-----BEGIN") || self.path.contains(char::is_control) {
            return "(PEM text)".to_owned();
        }
        self.path.clone()
    }
}

/// The file that a variable names, and its content.
fn pem(
    variables: &Variables<'_>,
    signal: Signal,
    setting: &str,
    what: &'static str,
) -> Result<Option<(FileVariable, Vec<u8>)>, ConfigError> {
    let Some((variable, path)) = otlp_variable(variables, signal, setting) else {
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

/// The start of a value, escaped for a notice.
fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let head: String = text.chars().take(MOST).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", head.escape_debug())
}

#[cfg(test)]
#[path = "variables_tests.rs"]
mod tests;

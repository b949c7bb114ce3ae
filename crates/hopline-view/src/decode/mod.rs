//! OTLP in all its forms as spans and log records. Called by the receivers, the import route and the command line.

mod json;
mod protobuf;
mod wire;

use std::fmt;

use hopline_core::export::SpanData;

use crate::LogData;

/// Spans and log records of a request or a file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// Spans, in the order in which they were written.
    pub spans: Vec<SpanData>,
    /// Log records, in the order in which they were written.
    pub logs: Vec<LogData>,
    /// The number of metrics, which are counted only.
    pub metrics: u64,
}

/// The content of an OTLP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `ExportTraceServiceRequest`.
    Traces,
    /// `ExportLogsServiceRequest`.
    Logs,
    /// `ExportMetricsServiceRequest`.
    Metrics,
}

/// The body is not OTLP, or has an invalid field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    problem: String,
    is_too_large: bool,
}

impl DecodeError {
    /// True if the body is larger than allowed once it is decompressed.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    fn new(problem: &str) -> Self {
        Self {
            problem: problem.to_owned(),
            is_too_large: false,
        }
    }

    fn at_line(self, line: usize) -> Self {
        Self {
            problem: format!("line {line}: {}", self.problem),
            ..self
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for DecodeError {}

impl From<hopline_otlp::DecodeError> for DecodeError {
    fn from(error: hopline_otlp::DecodeError) -> Self {
        Self::new(&error.to_string())
    }
}

/// Decodes an OTLP request in Protocol Buffers.
///
/// Unknown fields are skipped. Of two attributes with one key, the later one is kept; a map or bytes become text; a
/// status OK becomes unset.
///
/// # Errors
///
/// If the body is not a Protocol Buffers message, a field has another type than in OTLP, or a span has no valid ids.
///
/// # Examples
///
/// ```
/// use hopline_view::decode::{Signal, protobuf};
///
/// assert_eq!(protobuf(Signal::Traces, b"")?.spans.len(), 0);
/// assert!(protobuf(Signal::Traces, b"\x0a\xff").is_err());
/// # Ok::<(), hopline_view::decode::DecodeError>(())
/// ```
pub fn protobuf(signal: Signal, body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    match signal {
        Signal::Traces => decoded.spans = protobuf::traces(body)?,
        Signal::Logs => decoded.logs = protobuf::logs(body)?,
        Signal::Metrics => decoded.metrics = protobuf::metrics(body)?,
    }
    Ok(decoded)
}

/// Decodes an OTLP request in JSON, of any signal: ids in hexadecimal or base64, 64-bit integers as text or numbers,
/// enumerations as numbers or names.
///
/// # Errors
///
/// If the text is not JSON, or a span has no valid ids or times; the error names the place.
///
/// # Examples
///
/// ```
/// let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5","body":{"stringValue":"started"}}]}]}]}"#;
/// assert_eq!(hopline_view::decode::json(text)?.logs[0].body, "started");
/// # Ok::<(), hopline_view::decode::DecodeError>(())
/// ```
pub fn json(text: &str) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    // spans are read by the reader of the exporter's files
    if text.contains("\"resourceSpans\"")
        || !(text.contains("\"resourceLogs\"") || text.contains("\"resourceMetrics\""))
    {
        decoded.spans = hopline_otlp::decode_json(text)?;
    }
    if text.contains("\"resourceLogs\"") || text.contains("\"resourceMetrics\"") {
        json::others(text, &mut decoded)?;
    }
    Ok(decoded)
}

/// Decodes a file: one OTLP document in JSON, or one on each line.
///
/// # Errors
///
/// As [`json`], with the number of the line.
///
/// # Examples
///
/// ```
/// let lines = "{\"resourceSpans\":[]}\n\n{\"resourceLogs\":[]}\n";
/// assert_eq!(hopline_view::decode::file(lines)?.spans.len(), 0);
/// assert!(hopline_view::decode::file("{\"resourceSpans\":[]}\nnot json").unwrap_err().to_string().starts_with("line 2: "));
/// # Ok::<(), hopline_view::decode::DecodeError>(())
/// ```
pub fn file(text: &str) -> Result<Decoded, DecodeError> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let is_lines = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
    if !is_lines {
        return json(text);
    }
    let mut all = Decoded::default();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let Decoded {
            spans,
            logs,
            metrics,
        } = json(line).map_err(|error| error.at_line(index + 1))?;
        all.spans.extend(spans);
        all.logs.extend(logs);
        all.metrics += metrics;
    }
    Ok(all)
}

/// Undoes gzip, up to `max` bytes.
///
/// # Errors
///
/// If the bytes are not gzip, end early, or are more than `max` once decompressed.
#[cfg(feature = "server")]
pub(crate) fn gunzip(body: &[u8], max: usize) -> Result<Vec<u8>, DecodeError> {
    use std::io::Read as _;

    let mut out = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(max as u64 + 1);
    reader
        .read_to_end(&mut out)
        .map_err(|_| DecodeError::new("the body is not gzip, or ends early"))?;
    if out.len() > max {
        return Err(DecodeError {
            problem: format!("the body is larger than {max} bytes once decompressed"),
            is_too_large: true,
        });
    }
    Ok(out)
}

/// The text of a body in JSON.
#[cfg(feature = "server")]
pub(crate) fn utf8(body: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(body).map_err(|_| DecodeError::new("the body is not UTF-8"))
}

//! OTLP in all its forms as spans and log records. Called by the receivers, the import route and the command line.

mod any;
mod decoded;
mod error;
mod json;
mod protobuf;
mod wire;

pub use decoded::{Decoded, Signal};
pub use error::DecodeError;

/// Decodes an OTLP request in Protocol Buffers.
///
/// Unknown fields are skipped. Of two attributes with one key, the later one is kept; a map becomes JSON text, bytes become
/// base64, a status OK becomes unset. [`json`] gives the same for the same request.
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
        return Err(DecodeError::too_large(max));
    }
    Ok(out)
}

/// The text of a body in JSON.
#[cfg(feature = "server")]
pub(crate) fn utf8(body: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(body).map_err(|_| DecodeError::new("the body is not UTF-8"))
}

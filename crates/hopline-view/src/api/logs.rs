//! The log records of a trace.
//! `traces` lists all of them, `span` those of one span.

use serde::Serialize;
use serde_json::Value;

use super::copied::Copied;
use super::rows::Rows;
use crate::LogData;
use crate::value;

/// A log record of a trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    /// Nanoseconds from the start of the trace; negative for a record before it.
    offset: i64,
    time_ns: String,
    time_ms: f64,
    severity: String,
    /// 1 to 24 as in OTLP; 0 is unknown.
    severity_number: u8,
    body: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    attributes: Vec<(String, Value)>,
}

/// All log records of a trace, by time.
pub(super) fn all_logs(copied: &Copied) -> Vec<Log> {
    Rows::new(copied).map_or_else(Vec::new, |rows| logs(copied, &rows, |_| true))
}

/// Log records for which `wanted` is true, with the rows of their spans.
pub(super) fn logs(
    copied: &Copied,
    rows: &Rows<'_>,
    wanted: impl Fn(&LogData) -> bool,
) -> Vec<Log> {
    let by_id = rows.by_id();
    let log = |log: &LogData| Log {
        offset: log
            .time_unix_nanos
            .cast_signed()
            .wrapping_sub(copied.start.cast_signed()),
        time_ns: log.time_unix_nanos.to_string(),
        time_ms: log.time_unix_nanos as f64 / 1e6,
        severity: severity(log),
        severity_number: log.severity,
        body: log.body.clone(),
        service: log.resource.service_name().to_owned(),
        span: log.span_id.map(|id| id.to_string()),
        row: log.span_id.and_then(|id| by_id.get(&id).copied()),
        attributes: value::attributes(&log.attributes),
    };
    copied
        .logs
        .iter()
        .filter(|log| wanted(log))
        .map(log)
        .collect()
}

/// Text of the severity, by number where the source gave no text. OTLP has six levels of four steps each (section
/// "Severity Fields" of the log data model).
fn severity(log: &LogData) -> String {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    if !log.severity_text.is_empty() {
        return log.severity_text.clone();
    }
    let level = log
        .severity
        .checked_sub(1)
        .and_then(|severity| LEVELS.get(usize::from(severity) / 4));
    level.copied().unwrap_or_default().to_owned()
}

//! Spans as trace events, which Perfetto and Chrome open.
//! The API and `View`'s users call it. The format is described in "Trace Event Format" of the Chromium project.

use std::collections::BTreeMap;

use hopline_core::export::SpanData;
use serde_json::{Value, json};

use crate::value::json_value;

/// Encodes spans as trace events in JSON: one process per service, and an asynchronous pair of events per span, because
/// spans of one service overlap in ways that nested events cannot show.
///
/// # Examples
///
/// ```
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let span = SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// let text = hopline_view::export::perfetto_json(&[span]);
/// assert!(text.contains(r#""ph":"b""#) && text.contains(r#""ph":"e""#));
/// ```
pub fn perfetto_json(spans: &[SpanData]) -> String {
    let mut processes: BTreeMap<&str, usize> = BTreeMap::new();
    for span in spans {
        let next = processes.len() + 1;
        processes.entry(span.service()).or_insert(next);
    }
    let mut events: Vec<Value> = processes
        .iter()
        .map(|(service, pid)| json!({"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": service}}))
        .collect();
    for span in spans {
        let pid = processes.get(span.service()).copied().unwrap_or(0);
        let event = |phase: &str, nanos: u64| {
            json!({
                "ph": phase, "cat": "span", "name": span.name, "id": span.span_id.to_string(),
                "pid": pid, "tid": 0, "ts": nanos as f64 / 1e3,
            })
        };
        let mut begin = event("b", span.start_unix_nanos);
        let arguments = span
            .attributes
            .iter()
            .map(|(key, value)| (key.clone(), json_value(value)));
        begin["args"] = Value::Object(arguments.collect());
        events.push(begin);
        for inner in &span.events {
            let mut instant = event("n", inner.time_unix_nanos);
            instant["args"] = json!({"event": inner.name});
            events.push(instant);
        }
        events.push(event("e", span.end_unix_nanos));
    }
    json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
}

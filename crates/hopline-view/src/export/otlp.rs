//! Spans and log records as OTLP JSON.
//! The API and applications call it. The format is the JSON mapping of OTLP: ids in hexadecimal, 64-bit numbers as text.

use hopline_core::export::{OwnedValue, SpanData, StatusData};
use hopline_core::{Resource, SpanKind, TraceFlags};
use serde_json::{Value, json};

use crate::LogData;

/// Encodes spans and log records as one OTLP JSON document, which other tools and [`decode::file`](crate::decode::file) read.
///
/// # Examples
///
/// ```
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
/// use hopline_view::{decode, export::otlp_json};
///
/// let span = SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// let text = otlp_json(&[span.clone()], &[]);
/// assert_eq!(decode::file(&text)?.spans[0].name, span.name);
/// # Ok::<(), hopline_view::decode::DecodeError>(())
/// ```
pub fn otlp_json(spans: &[SpanData], logs: &[LogData]) -> String {
    let mut document = serde_json::Map::new();
    let groups = groups(spans, |a, b| a.resource == b.resource && a.scope == b.scope);
    let resource_spans: Vec<Value> = groups
        .into_iter()
        .map(|group| {
            let first = group[0];
            json!({
                "resource": resource(&first.resource),
                "scopeSpans": [{
                    "scope": {"name": first.scope.name, "version": first.scope.version},
                    "spans": group.into_iter().map(span).collect::<Vec<_>>(),
                }],
            })
        })
        .collect();
    document.insert("resourceSpans".to_owned(), resource_spans.into());
    if !logs.is_empty() {
        let groups = self::groups(logs, |a, b| a.resource == b.resource);
        let resource_logs: Vec<Value> = groups
            .into_iter()
            .map(|group| {
                json!({
                    "resource": resource(&group[0].resource),
                    "scopeLogs": [{"logRecords": group.into_iter().map(log).collect::<Vec<_>>()}],
                })
            })
            .collect();
        document.insert("resourceLogs".to_owned(), resource_logs.into());
    }
    Value::Object(document).to_string()
}

/// Items with the same origin together; no group is empty.
///
/// Looks at the groups from the last one back, as spans of one service mostly follow each other.
fn groups<T>(items: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<Vec<&T>> {
    let mut groups: Vec<Vec<&T>> = Vec::new();
    for item in items {
        match groups.iter_mut().rev().find(|group| same(group[0], item)) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

/// A `Span` of `trace.proto`. Absent ids and states are empty texts, which Protocol Buffers reads as not set.
fn span(span: &SpanData) -> Value {
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    let events = span.events.iter().map(|event| {
        json!({
            "timeUnixNano": event.time_unix_nanos.to_string(),
            "name": event.name,
            "attributes": attributes(&event.attributes),
        })
    });
    let links = span.links.iter().map(|link| {
        json!({
            "traceId": link.span_context.trace_id().to_string(),
            "spanId": link.span_context.span_id().to_string(),
            "traceState": link.span_context.tracestate().as_str(),
            "flags": flags(link.span_context.flags(), link.span_context.is_remote()),
        })
    });
    let status = match &span.status {
        StatusData::Error { message } => json!({"code": 2, "message": message}),
        StatusData::Unset => json!({}),
    };
    json!({
        "traceId": span.trace_id.to_string(),
        "spanId": span.span_id.to_string(),
        "parentSpanId": span.parent.map(|id| id.to_string()).unwrap_or_default(),
        "traceState": span.tracestate.as_str(),
        "flags": flags(span.flags, span.parent_is_remote),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": span.start_unix_nanos.to_string(),
        "endTimeUnixNano": span.end_unix_nanos.to_string(),
        "attributes": attributes(&span.attributes),
        "droppedAttributesCount": span.dropped_attributes,
        "events": events.collect::<Vec<_>>(),
        "droppedEventsCount": span.dropped_events,
        "links": links.collect::<Vec<_>>(),
        "droppedLinksCount": span.dropped_links,
        "status": status,
    })
}

/// `Span.flags` or `Link.flags` of `trace.proto`: the flags of W3C Trace Context, and bits 8 and 9 for the place of the parent.
///
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE` is always set; a parent whose place is unknown is written as not remote.
fn flags(flags: TraceFlags, is_remote: bool) -> u32 {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    u32::from(flags.bits()) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}

/// A `LogRecord` of `logs.proto`. The observed time is left out: the viewer keeps one time.
fn log(log: &LogData) -> Value {
    json!({
        "timeUnixNano": log.time_unix_nanos.to_string(),
        "severityNumber": log.severity,
        "severityText": log.severity_text,
        "body": {"stringValue": log.body},
        "attributes": attributes(&log.attributes),
        "traceId": log.trace_id.map(|id| id.to_string()).unwrap_or_default(),
        "spanId": log.span_id.map(|id| id.to_string()).unwrap_or_default(),
    })
}

/// A `Resource`, with its attributes in their order.
fn resource(resource: &Resource) -> Value {
    let pairs = resource
        .iter()
        .map(|(key, value)| json!({"key": key, "value": any(value)}));
    json!({"attributes": pairs.collect::<Vec<_>>()})
}

/// A list of `KeyValue`.
fn attributes(attributes: &[(String, OwnedValue)]) -> Vec<Value> {
    attributes
        .iter()
        .map(|(key, value)| json!({"key": key, "value": any(value)}))
        .collect()
}

/// An `AnyValue`. The JSON mapping of Protocol Buffers writes 64-bit integers as text, and has `NaN` and infinities
/// as text too.
fn any(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Bool(truth) => json!({"boolValue": truth}),
        OwnedValue::I64(number) => json!({"intValue": number.to_string()}),
        OwnedValue::F64(number) if number.is_finite() => json!({"doubleValue": number}),
        OwnedValue::F64(number) if number.is_nan() => json!({"doubleValue": "NaN"}),
        OwnedValue::F64(number) if *number > 0.0 => json!({"doubleValue": "Infinity"}),
        OwnedValue::F64(_) => json!({"doubleValue": "-Infinity"}),
        OwnedValue::Text(text) => json!({"stringValue": text}),
        OwnedValue::Array(values) => {
            json!({"arrayValue": {"values": values.iter().map(any).collect::<Vec<_>>()}})
        }
    }
}

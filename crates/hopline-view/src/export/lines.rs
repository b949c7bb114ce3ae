//! A trace as one line of JSON for scripts.
//! `draw` of the command line calls it. Scripts read the lines with `jq`, so times beyond 2^53 are text.

use hopline_analysis::{Trace, describe};
use hopline_core::export::{OwnedValue, SpanData, StatusData};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::red::kind_name;
use crate::value::json_value;

/// The version of the line's schema. A field may be added; a change of a field's meaning raises it.
const SCHEMA: u32 = 1;

/// Fields in the order of the documentation of [`json_line`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// `SCHEMA`, first in the line, so that a script can refuse a version that it does not know.
    schema: u32,
    /// 32 hexadecimal digits.
    trace_id: String,
    /// Label of the first root; empty for a trace without spans.
    name: String,
    /// `service.name` of the first root.
    service: &'a str,
    /// Nanoseconds since the Unix epoch, as text: `jq` reads numbers as `f64`.
    start_unix_nano: String,
    /// From the earliest start to the latest end. Clocks of several hosts may differ.
    duration_nanos: u64,
    /// `error` or `ok`.
    status: &'static str,
    /// Spans whose status is an error.
    errors: usize,
    /// False if a span's parent is not in the trace.
    complete: bool,
    /// Parents before their children.
    spans: Vec<Span<'a>>,
}

/// One span; `label` is its text in trees, `name` its name in the data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    /// 16 hexadecimal digits.
    span_id: String,
    parent_span_id: Option<String>,
    /// 0 for a root.
    depth: usize,
    name: &'a str,
    label: String,
    service: &'a str,
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    kind: &'static str,
    start_unix_nano: String,
    duration_nanos: u64,
    /// Time in which no child of it ran.
    self_nanos: u64,
    /// Time on the critical path of the trace.
    critical_nanos: u64,
    status: &'static str,
    /// Description of the error status; empty for other spans.
    status_message: &'a str,
    /// An object: of a key that occurs twice, the last value is kept.
    attributes: Map<String, Value>,
    events: Vec<Event<'a>>,
}

/// One event of a span.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    name: &'a str,
    time_unix_nano: String,
    attributes: Map<String, Value>,
}

/// Encodes a trace as one line of JSON, without the line break: the schema of `hopline print --json` and
/// `hopline tail --json`.
///
/// | field | is |
/// |---|---|
/// | `schema` | 1 |
/// | `traceId`, `name`, `service` | the trace and its root; `name` is the label of trees |
/// | `startUnixNano`, `durationNanos` | earliest start, as text; number of nanoseconds to the latest end |
/// | `status`, `errors` | `error` if a span failed, otherwise `ok`; number of failed spans |
/// | `complete` | false if a parent is missing |
/// | `spans` | in tree order, each with `spanId`, `parentSpanId` (or null), `depth`, `name`, `label`, `service`, `kind`, `startUnixNano`, `durationNanos`, `selfNanos`, `criticalNanos`, `status`, `statusMessage`, `attributes` (an object), `events` (`name`, `timeUnixNano`, `attributes`) |
///
/// # Examples
///
/// ```
/// use hopline_analysis::traces;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let spans = [SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap())];
/// let line = hopline_view::export::json_line(&traces(&spans)[0]);
/// assert!(line.starts_with(r#"{"schema":1,"traceId":"00000000000000000000000000000001","name":"GET /","#));
/// ```
pub fn json_line(trace: &Trace<'_>) -> String {
    let critical = trace.critical_nanos();
    let root = trace.roots().next();
    let start = trace
        .spans()
        .first()
        .map_or(0, |span| span.start_unix_nanos);
    let end = trace
        .spans()
        .iter()
        .map(|span| span.end_unix_nanos)
        .max()
        .unwrap_or(start);
    let errors = trace.spans().iter().filter(|span| span.is_error()).count();
    let is_lost = |index: &usize| trace.spans()[*index].parent.is_some();
    let spans = trace.in_tree_order().into_iter().map(|(index, depth)| {
        let span: &SpanData = trace.spans()[index];
        Span {
            span_id: span.span_id.to_string(),
            parent_span_id: span.parent.map(|id| id.to_string()),
            depth,
            name: &span.name,
            label: describe::label(span),
            service: span.service(),
            kind: kind_name(span.kind),
            start_unix_nano: span.start_unix_nanos.to_string(),
            duration_nanos: span.duration_nanos(),
            self_nanos: trace.self_time(index),
            critical_nanos: critical[index],
            status: status(span.is_error()),
            status_message: match &span.status {
                StatusData::Error { message } => message,
                StatusData::Unset => "",
            },
            attributes: object(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| Event {
                    name: &event.name,
                    time_unix_nano: event.time_unix_nanos.to_string(),
                    attributes: object(&event.attributes),
                })
                .collect(),
        }
    });
    let line = Line {
        schema: SCHEMA,
        trace_id: trace
            .trace_id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        name: root.map(describe::label).unwrap_or_default(),
        service: root.map(SpanData::service).unwrap_or_default(),
        start_unix_nano: start.to_string(),
        duration_nanos: end.saturating_sub(start),
        status: status(errors > 0),
        errors,
        complete: !trace.root_indices().iter().any(is_lost),
        spans: spans.collect(),
    };
    // maps with text keys and finite numbers always serialise
    serde_json::to_string(&line).unwrap_or_default()
}

/// The name of a status. OTLP's `Unset` and `Ok` have one name, as no script needs the difference.
fn status(is_error: bool) -> &'static str {
    if is_error { "error" } else { "ok" }
}

/// Attributes as a JSON object, which `jq` reads by key.
fn object(attributes: &[(String, OwnedValue)]) -> Map<String, Value> {
    attributes
        .iter()
        .map(|(key, value)| (key.clone(), json_value(value)))
        .collect()
}

//! One span with all that is known of it.
//! `traces` calls it when a user selects a row.

use hopline_core::export::StatusData;
use hopline_core::{SpanId, TraceId, semconv};
use serde::Serialize;
use serde_json::Value;

use super::copied::Copied;
use super::logs::{Log, logs};
use super::rows::Rows;
use crate::store::red::kind_name;
use crate::value;

/// A span with all that is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanDetail {
    row: usize,
    id: String,
    trace_id: String,
    parent_id: Option<String>,
    /// The parent is in another process, by `Span.flags` of OTLP.
    parent_remote: bool,
    name: String,
    kind: &'static str,
    service: String,
    /// Nanoseconds since the Unix epoch, as text: JavaScript cannot hold the number exactly.
    start_ns: String,
    /// Milliseconds since the Unix epoch, for `Date`.
    start_ms: f64,
    /// Nanoseconds from the start of the trace.
    start: u64,
    duration: u64,
    open: bool,
    status: Status,
    attributes: Vec<(String, Value)>,
    resource: Vec<(String, Value)>,
    scope: Scope,
    events: Vec<Event>,
    /// Spans of this or other traces that the span refers to.
    links: Vec<Link>,
    /// Text of the statement, by `db.query.text` or by the older `db.statement`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// Flags of W3C Trace Context; bit 0 is `sampled`, bit 1 `random`.
    flags: u8,
    tracestate: String,
    dropped: Dropped,
    logs: Vec<Log>,
}

#[derive(Debug, Serialize)]
struct Status {
    code: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct Scope {
    name: String,
    version: String,
}

/// An event; `offset` is in nanoseconds from the start of the trace.
#[derive(Debug, Serialize)]
struct Event {
    name: String,
    offset: u64,
    attributes: Vec<(String, Value)>,
}

/// A link. `known` is true if the viewer holds the other trace, so that the page can show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    trace_id: String,
    span_id: String,
    known: bool,
}

/// `droppedAttributesCount`, `droppedEventsCount` and `droppedLinksCount` of OTLP.
#[derive(Debug, Serialize)]
struct Dropped {
    attributes: u32,
    events: u32,
    links: u32,
}

impl SpanDetail {
    /// Finds the span of this id; `None` if the trace does not have it. Of two spans with one id, it is the one of
    /// the first row. `knows` decides for the trace of each link.
    pub(super) fn new(
        copied: &Copied,
        id: SpanId,
        knows: impl Fn(TraceId) -> bool,
    ) -> Option<Self> {
        let rows = Rows::new(copied)?;
        let (row, span) = rows.spans().find(|(_, span)| span.span_id == id)?;
        let message = match &span.status {
            StatusData::Error { message } => message.clone(),
            StatusData::Unset => String::new(),
        };
        Some(Self {
            row,
            id: id.to_string(),
            trace_id: copied.id.to_string(),
            parent_id: span.parent.map(|parent| parent.to_string()),
            parent_remote: span.parent_is_remote,
            name: span.name.clone(),
            kind: kind_name(span.kind),
            service: span.service().to_owned(),
            start_ns: span.start_unix_nanos.to_string(),
            start_ms: span.start_unix_nanos as f64 / 1e6,
            start: span.start_unix_nanos - copied.start,
            duration: span.duration_nanos(),
            open: copied.open.contains(&id),
            status: Status {
                code: if span.is_error() { "error" } else { "unset" },
                message,
            },
            attributes: value::attributes(&span.attributes),
            resource: value::resource(&span.resource),
            scope: Scope {
                name: span.scope.name.clone().into_owned(),
                version: span.scope.version.clone().into_owned(),
            },
            events: span
                .events
                .iter()
                .map(|event| Event {
                    name: event.name.clone(),
                    offset: event.time_unix_nanos.saturating_sub(copied.start),
                    attributes: value::attributes(&event.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| Link {
                    trace_id: link.span_context.trace_id().to_string(),
                    span_id: link.span_context.span_id().to_string(),
                    known: knows(link.span_context.trace_id()),
                })
                .collect(),
            sql: span
                .text(semconv::DB_QUERY_TEXT)
                .or_else(|| span.text("db.statement"))
                .map(str::to_owned),
            flags: span.flags.bits(),
            tracestate: span.tracestate.as_str().to_owned(),
            dropped: Dropped {
                attributes: span.dropped_attributes,
                events: span.dropped_events,
                links: span.dropped_links,
            },
            logs: logs(copied, &rows, |log| log.span_id == Some(id)),
        })
    }
}

//! One trace: its rows in tree order, and the details of a span.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hopline_analysis::{Trace, describe, repeated_statements, traces};
use hopline_core::export::SpanData;
use hopline_core::{SpanId, SpanKind, TraceId, semconv};
use serde::Serialize;
use serde_json::Value;

use crate::LogData;
use crate::search::{attribute_contains, contains};
use crate::store::red::kind_name;
use crate::store::summary::Summary;
use crate::value;
use crate::view::View;

/// A copy of a trace, made under the store's lock and read without it. The copy lets the receivers go on while a
/// large trace is joined and encoded.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) id: TraceId,
    pub(crate) summary: Arc<Summary>,
    /// Finished spans, then those that run. Not sorted.
    pub(crate) spans: Vec<SpanData>,
    pub(crate) logs: Vec<LogData>,
    /// Spans that have not ended: their end is the moment of the copy.
    open: HashSet<SpanId>,
    /// Earliest start, in nanoseconds since the Unix epoch. Times in answers are relative to it, which keeps them
    /// within the exact numbers of JavaScript.
    start: u64,
}

impl Copied {
    pub(crate) fn of(view: &View, id: TraceId) -> Option<Self> {
        let store = view.lock();
        let entry = store.trace(id)?;
        Some(Self {
            id,
            summary: Summary::of(entry),
            spans: entry.to_spans(),
            logs: entry.to_logs(),
            open: entry.open_ids(),
            start: entry.extent().0,
        })
    }
}

/// A trace with its rows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detail {
    summary: Arc<Summary>,
    /// Names of services. Rows refer to them by index, since a name repeats in thousands of rows.
    services: Vec<String>,
    /// All spans, parents before their children, siblings by start.
    spans: Vec<Row>,
    /// Segments of the critical path: row, start and end, in nanoseconds from the start of the trace.
    critical_path: Vec<(usize, u64, u64)>,
    /// Statements that occur at least five times below one span.
    repeats: Vec<Repeats>,
    /// Proposed shifts of rows by nanoseconds; see `align`.
    align: Vec<(usize, i64)>,
}

/// A span as a row of the waterfall. Absent fields have their usual value, which keeps the answer for 50,000 spans
/// small.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    /// Row of the parent; -1 for a root.
    parent: i64,
    depth: usize,
    /// Number of descendants. They are the next rows, so the page folds a span by skipping them.
    below: usize,
    name: String,
    /// Name with the detail that identifies the work, such as the summary of a statement.
    label: String,
    service: usize,
    kind: &'static str,
    /// Nanoseconds from the start of the trace.
    start: u64,
    /// Nanoseconds; for a span that runs, until the copy.
    duration: u64,
    /// Nanoseconds in which no child ran.
    #[serde(rename = "self")]
    self_time: u64,
    /// Nanoseconds on the critical path.
    critical: u64,
    error: bool,
    open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    /// Id of a parent that is not in the trace: it was not sampled, was lost, or has not arrived yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_parent: Option<String>,
    /// The parent is in the trace, and is a descendant of this span: the row is a root for the display.
    #[serde(skip_serializing_if = "is_false")]
    cycle: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_text: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    links: usize,
    #[serde(skip_serializing_if = "is_zero")]
    logs: usize,
    /// Time from the start of the trace in nanoseconds, and name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<(u64, String)>,
}

/// A statement that repeats below one span, which often is a query in a loop.
#[derive(Debug, Serialize)]
struct Repeats {
    /// Row of the span whose children repeat it.
    parent: usize,
    /// Summary of the statement, or its text without one.
    statement: String,
    count: usize,
    duration: u64,
    rows: Vec<usize>,
}

/// For serde: a flag that is not set is left out.
fn is_false(truth: &bool) -> bool {
    !truth
}

/// For serde: a count of 0 is left out.
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A trace joined to a tree, with the row of each span.
struct Rows<'a> {
    trace: Trace<'a>,
    /// Index and depth, by row.
    order: Vec<(usize, usize)>,
    /// Row, by index.
    row_of: Vec<usize>,
}

impl<'a> Rows<'a> {
    /// Joins the spans; `None` for a trace of log records alone.
    fn new(copied: &'a Copied) -> Option<Self> {
        let trace = traces(&copied.spans).into_iter().next()?;
        let order = trace.in_tree_order();
        let mut row_of = vec![0; order.len()];
        for (row, (index, _)) in order.iter().enumerate() {
            row_of[*index] = row;
        }
        Some(Self {
            trace,
            order,
            row_of,
        })
    }

    fn spans(&self) -> impl Iterator<Item = (usize, &'a SpanData)> + '_ {
        self.order
            .iter()
            .enumerate()
            .map(|(row, (index, _))| (row, self.trace.spans()[*index]))
    }

    /// The first row of each id.
    fn by_id(&self) -> HashMap<SpanId, usize> {
        let mut rows = HashMap::new();
        for (row, span) in self.spans() {
            rows.entry(span.span_id).or_insert(row);
        }
        rows
    }

    /// Number of spans below each row. Rows are in tree order, so a span's rows end before the next of its depth.
    fn below(&self) -> Vec<usize> {
        let mut below = vec![0; self.order.len()];
        let mut open: Vec<usize> = Vec::new();
        for (row, (_, depth)) in self.order.iter().enumerate() {
            while open.len() > *depth {
                let Some(ended) = open.pop() else { break };
                below[ended] = row - ended - 1;
            }
            open.push(row);
        }
        for ended in open {
            below[ended] = self.order.len() - ended - 1;
        }
        below
    }
}

impl Detail {
    /// Makes the rows; `None` for a trace without spans. Takes time in proportion to the spans.
    pub(crate) fn new(copied: &Copied) -> Option<Self> {
        let rows = Rows::new(copied)?;
        let (trace, start) = (&rows.trace, copied.start);
        let mut services: Vec<String> = Vec::new();
        let mut logs_of: HashMap<SpanId, usize> = HashMap::new();
        for id in copied.logs.iter().filter_map(|log| log.span_id) {
            *logs_of.entry(id).or_default() += 1;
        }
        let ids: HashSet<SpanId> = copied.spans.iter().map(|span| span.span_id).collect();
        let (critical, below) = (trace.critical_nanos(), rows.below());
        let mut spans = Vec::with_capacity(rows.order.len());
        for (row, (index, depth)) in rows.order.iter().enumerate() {
            let span = trace.spans()[*index];
            let parent = trace.parent(*index);
            let above = parent.map(|parent| trace.spans()[parent]);
            let service = position(&mut services, span.service());
            let lost = span.parent.filter(|_| parent.is_none());
            spans.push(Row {
                id: span.span_id.to_string(),
                parent: parent.map_or(-1, |parent| rows.row_of[parent] as i64),
                depth: *depth,
                below: below[row],
                name: span.name.clone(),
                label: describe::label(span),
                service,
                kind: kind_name(span.kind),
                start: span.start_unix_nanos - start,
                duration: span.duration_nanos(),
                self_time: trace.self_time(*index),
                critical: critical[*index],
                error: span.is_error(),
                open: copied.open.contains(&span.span_id),
                place: describe::place(span, false),
                target: describe::target(span, above)
                    .filter(|target| *target != span.service())
                    .map(str::to_owned),
                status: describe::status_code(span),
                missing_parent: lost.filter(|id| !ids.contains(id)).map(|id| id.to_string()),
                cycle: lost.is_some_and(|id| ids.contains(&id)),
                error_text: describe::failure(span),
                links: span.links.len(),
                logs: logs_of.get(&span.span_id).copied().unwrap_or(0),
                events: span
                    .events
                    .iter()
                    .map(|event| {
                        (
                            event.time_unix_nanos.saturating_sub(start),
                            event.name.clone(),
                        )
                    })
                    .collect(),
            });
        }
        let path = trace.critical_path();
        let segments = path.iter().map(|segment| {
            let row = rows.row_of[segment.index];
            (
                row,
                segment.start_unix_nanos - start,
                segment.end_unix_nanos - start,
            )
        });
        Some(Self {
            summary: Arc::clone(&copied.summary),
            services,
            critical_path: segments.collect(),
            repeats: repeats(copied, &rows),
            align: align(&rows),
            spans,
        })
    }
}

/// Index of a service, which is added if it is new. A trace has few services, so a scan is faster than a map.
fn position(services: &mut Vec<String>, service: &str) -> usize {
    let known = services.iter().position(|known| known == service);
    known.unwrap_or_else(|| {
        services.push(service.to_owned());
        services.len() - 1
    })
}

/// Finds the repeated statements, by the rule of the self-check in `hopline_analysis`, and the rows of each.
fn repeats(copied: &Copied, rows: &Rows<'_>) -> Vec<Repeats> {
    /// As the self-check has it.
    const AT_LEAST: usize = 5;
    let by_id = rows.by_id();
    let found = repeated_statements(&copied.spans, AT_LEAST);
    let repeats = found.into_iter().filter_map(|repeated| {
        let parent = *by_id.get(&repeated.ids.1)?;
        let statement = |span: &SpanData| {
            let text = span
                .text(semconv::DB_QUERY_SUMMARY)
                .or_else(|| span.text(semconv::DB_QUERY_TEXT));
            text == Some(repeated.statement.as_str())
        };
        let (index, _) = rows.order[parent];
        let children = rows.trace.children(index).iter();
        let same = children.filter(|child| statement(rows.trace.spans()[**child]));
        Some(Repeats {
            parent,
            count: repeated.count,
            duration: repeated.nanos,
            rows: same.map(|child| rows.row_of[*child]).collect(),
            statement: repeated.statement,
        })
    });
    repeats.collect()
}

/// Shifts by which servers would lie within their callers: clocks of two machines differ. A proposal for the display.
///
/// The server's span is moved to the middle of the client's, which assumes that request and response took equally
/// long on the network. Recorded times stay as they are.
fn align(rows: &Rows<'_>) -> Vec<(usize, i64)> {
    let mut shifts = Vec::new();
    for (row, (index, _)) in rows.order.iter().enumerate() {
        let span = rows.trace.spans()[*index];
        let Some(caller) = rows
            .trace
            .parent(*index)
            .map(|parent| rows.trace.spans()[parent])
        else {
            continue;
        };
        let is_remote = span.parent_is_remote || caller.service() != span.service();
        let is_call = span.kind == SpanKind::Server && caller.kind == SpanKind::Client;
        let lies_within = span.start_unix_nanos >= caller.start_unix_nanos
            && span.end_unix_nanos <= caller.end_unix_nanos;
        if !is_remote || !is_call || lies_within {
            continue;
        }
        let spare = caller
            .duration_nanos()
            .saturating_sub(span.duration_nanos());
        let wanted = i128::from(caller.start_unix_nanos) + i128::from(spare / 2);
        let shift = wanted - i128::from(span.start_unix_nanos);
        shifts.extend(i64::try_from(shift).ok().map(|shift| (row, shift)));
    }
    shifts
}

/// A span with all that is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpanDetail {
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

/// A log record of a trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Log {
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

impl SpanDetail {
    /// Finds the span of this id; `None` if the trace does not have it. Of two spans with one id, it is the one of
    /// the first row. `knows` decides for the trace of each link.
    pub(crate) fn new(
        copied: &Copied,
        id: SpanId,
        knows: impl Fn(TraceId) -> bool,
    ) -> Option<Self> {
        let rows = Rows::new(copied)?;
        let (row, span) = rows.spans().find(|(_, span)| span.span_id == id)?;
        let message = match &span.status {
            hopline_core::export::StatusData::Error { message } => message.clone(),
            hopline_core::export::StatusData::Unset => String::new(),
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

/// All log records of a trace, by time.
pub(crate) fn all_logs(copied: &Copied) -> Vec<Log> {
    Rows::new(copied).map_or_else(Vec::new, |rows| logs(copied, &rows, |_| true))
}

/// Log records for which `wanted` is true, with the rows of their spans.
fn logs(copied: &Copied, rows: &Rows<'_>, wanted: impl Fn(&LogData) -> bool) -> Vec<Log> {
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

/// The rows whose names, keys, values, events or log records have this text.
///
/// Searches all text of the trace, not the fields of the query language. ASCII letters of both cases are equal.
pub(crate) fn rows_with(copied: &Copied, text: &str) -> Vec<usize> {
    let Some(rows) = Rows::new(copied) else {
        return Vec::new();
    };
    let logs: HashSet<SpanId> = copied
        .logs
        .iter()
        .filter(|log| {
            contains(&log.body, text)
                || log
                    .attributes
                    .iter()
                    .any(|pair| attribute_contains(pair, text))
        })
        .filter_map(|log| log.span_id)
        .collect();
    let has = |span: &SpanData| {
        let status = match &span.status {
            hopline_core::export::StatusData::Error { message } => message.as_str(),
            hopline_core::export::StatusData::Unset => "",
        };
        contains(&span.name, text)
            || contains(span.service(), text)
            || (!status.is_empty() && contains(status, text))
            || span
                .attributes
                .iter()
                .any(|pair| attribute_contains(pair, text))
            || span.events.iter().any(|event| {
                contains(&event.name, text)
                    || event
                        .attributes
                        .iter()
                        .any(|pair| attribute_contains(pair, text))
            })
            || logs.contains(&span.span_id)
    };
    rows.spans()
        .filter(|(_, span)| has(span))
        .map(|(row, _)| row)
        .collect()
}

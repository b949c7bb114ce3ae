//! One trace as the rows of its waterfall.
//! `traces` calls it, on a copy of the trace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hopline_analysis::{describe, repeated_statements};
use hopline_core::export::SpanData;
use hopline_core::{SpanId, SpanKind, semconv};
use serde::Serialize;

use super::copied::Copied;
use super::rows::Rows;
use crate::store::red::kind_name;
use crate::store::summary::Summary;

/// A trace with its rows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
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

impl Detail {
    /// Makes the rows; `None` for a trace without spans. Takes time in proportion to the spans.
    pub(super) fn new(copied: &Copied) -> Option<Self> {
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

//! Routes over the spans of several traces: map, comparison, reasons, import.
//! `router` calls it. Spans are copied while the store is locked, and compared after it is unlocked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use hopline_analysis::diff::{self as comparison, Change};
use hopline_analysis::{Node, service_map, traces, why as reasons};
use hopline_core::TraceId;
use hopline_core::export::SpanData;
use serde::Serialize;

use super::Api;
use super::detail::Copied;
use super::params::Params;
use super::traces::no_trace;
use crate::decode;
use crate::error::ApiError;
use crate::store::summary::Summary;

/// Answer of `/api/map`.
#[derive(Serialize)]
pub(super) struct Map {
    /// Services, databases, queues, and `outside` for callers without a trace context.
    nodes: Vec<MapNode>,
    /// Calls, one edge for each pair of nodes and direction.
    edges: Vec<MapEdge>,
}

/// A service, or a database or broker that services call.
#[derive(Serialize)]
struct MapNode {
    /// Index, by which edges name it.
    id: usize,
    /// `service`, `database`, `queue` or `outside`.
    kind: &'static str,
    /// Empty for `outside`.
    name: String,
    /// Spans of the node. For a database or queue, which records none, the calls to it.
    spans: usize,
    /// Those that failed.
    errors: usize,
}

/// Calls from one node to another.
#[derive(Serialize)]
struct MapEdge {
    /// Index of the caller.
    from: usize,
    /// Index of the callee.
    to: usize,
    /// Number of calls.
    count: usize,
    /// Number of failed calls.
    errors: usize,
    /// Median duration of the calls, in nanoseconds.
    p50: u64,
    /// 95th percentile, in nanoseconds.
    p95: u64,
}

/// Spans that are looked at for a map or for reasons, over all traces.
///
/// The newest traces up to it are used, whole ones only. It bounds the memory that one request takes.
const MAX_SPANS: usize = 200_000;

/// The services of the matching traces, with the calls between them.
pub(super) async fn map(State(api): State<Api>, params: Params) -> Result<Json<Map>, ApiError> {
    Ok(Json(map_of(&matching(&api, &params)?)))
}

/// The spans of the newest traces that match.
///
/// # Errors
///
/// Returns an error for a query that is not valid.
fn matching(api: &Api, params: &Params) -> Result<Vec<SpanData>, ApiError> {
    let search = params.search()?;
    let store = api.view.lock();
    let mut spans = Vec::new();
    for entry in store.newest_first().filter(|entry| search.matches(entry)) {
        if spans.len() + entry.spans.len() > MAX_SPANS {
            break;
        }
        spans.extend(entry.spans.iter().map(|span| span.to_data(entry.id)));
    }
    Ok(spans)
}

/// The map of these spans. A service without a call to or from it is a node too, so that a single service has a map.
pub(super) fn map_of(spans: &[SpanData]) -> Map {
    let map = service_map(spans);
    let mut ids: BTreeMap<Node, usize> = BTreeMap::new();
    let ends = map.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let services = spans
        .iter()
        .map(|span| Node::Service(span.service().to_owned()));
    for node in ends.cloned().chain(services) {
        let next = ids.len();
        ids.entry(node).or_insert(next);
    }
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for span in spans {
        let (count, errors) = counts.entry(span.service()).or_default();
        *count += 1;
        *errors += usize::from(span.is_error());
    }
    let mut nodes: Vec<MapNode> = ids
        .iter()
        .map(|(node, id)| {
            let (kind, name) = match node {
                Node::Outside => ("outside", ""),
                Node::Service(name) => ("service", name.as_str()),
                Node::Database(name) => ("database", name.as_str()),
                Node::Queue(name) => ("queue", name.as_str()),
            };
            let calls = || map.edges.iter().filter(|edge| edge.to == *node);
            let (spans, errors) = match node {
                Node::Service(name) if counts.contains_key(name.as_str()) => counts[name.as_str()],
                _ => (
                    calls().map(|edge| edge.count).sum(),
                    calls().map(|edge| edge.errors).sum(),
                ),
            };
            MapNode {
                id: *id,
                kind,
                name: name.to_owned(),
                spans,
                errors,
            }
        })
        .collect();
    nodes.sort_by_key(|node| node.id);
    let edges = map.edges.iter().map(|edge| MapEdge {
        from: ids[&edge.from],
        to: ids[&edge.to],
        count: edge.count,
        errors: edge.errors,
        p50: edge.p50,
        p95: edge.p95,
    });
    Map {
        edges: edges.collect(),
        nodes,
    }
}

/// Answer of `/api/diff`: two traces, aligned by service, name and order.
#[derive(Serialize)]
pub(super) struct Diff {
    /// The first trace, of the parameter `a`; the one to compare with.
    a: Arc<Summary>,
    /// The second trace, of the parameter `b`.
    b: Arc<Summary>,
    /// One row for each span of either trace, in tree order; a pair of spans has one row.
    rows: Vec<DiffRow>,
    /// Number of rows by change. All five changes are present, with 0 too.
    counts: BTreeMap<&'static str, usize>,
}

/// A span of `a`, the corresponding span of `b`, or both.
#[derive(Serialize)]
struct DiffRow {
    /// Number of spans above it.
    depth: usize,
    /// Label of the span of `b`, or of `a` where `b` has none.
    name: String,
    service: String,
    /// `same`, `slower`, `faster`, `added` (in `b` only) or `missing` (in `a` only).
    change: &'static str,
    a: Option<Side>,
    b: Option<Side>,
    /// Nanoseconds that `b` took beyond `a`; negative if it took less.
    delta: i64,
}

/// A span of one of the traces.
#[derive(Serialize)]
struct Side {
    /// Row in the detail of its trace.
    row: usize,
    /// 16 hexadecimal digits.
    id: String,
    /// Nanoseconds from the start of its trace.
    start: u64,
    /// Nanoseconds.
    duration: u64,
    error: bool,
}

/// Compares the traces of the parameters `a` and `b`. They may have different roots; then most rows are in one of
/// them only.
///
/// # Errors
///
/// 400 if a parameter is missing or not an id, 404 if a trace is not held.
pub(super) async fn diff(State(api): State<Api>, params: Params) -> Result<Json<Diff>, ApiError> {
    let copied = |name| Copied::of(&api.view, params.trace(name)?).ok_or_else(no_trace);
    let (a, b) = (copied("a")?, copied("b")?);
    let (of_a, of_b) = (traces(&a.spans), traces(&b.spans));
    let (Some(first), Some(second)) = (of_a.first(), of_b.first()) else {
        return Err(no_trace());
    };
    let changes = comparison::diff(first, second);
    let rows_of =
        |trace: &hopline_analysis::Trace<'_>| -> std::collections::HashMap<*const SpanData, usize> {
            let order = trace.in_tree_order();
            order
                .into_iter()
                .enumerate()
                .map(|(row, (index, _))| (std::ptr::from_ref(trace.spans()[index]), row))
                .collect()
        };
    let (rows_of_a, rows_of_b) = (rows_of(first), rows_of(second));
    let side = |span: &SpanData,
                trace: &hopline_analysis::Trace<'_>,
                rows: &std::collections::HashMap<*const SpanData, usize>| Side {
        row: rows.get(&std::ptr::from_ref(span)).copied().unwrap_or(0),
        id: span.span_id.to_string(),
        start: span.start_unix_nanos
            - trace
                .spans()
                .first()
                .map_or(0, |first| first.start_unix_nanos),
        duration: span.duration_nanos(),
        error: span.is_error(),
    };
    let mut rows = Vec::with_capacity(changes.rows.len());
    for row in &changes.rows {
        let Some(shown) = row.b.or(row.a) else {
            continue;
        };
        rows.push(DiffRow {
            depth: row.depth,
            name: hopline_analysis::describe::label(shown),
            service: shown.service().to_owned(),
            change: change_name(row.change),
            a: row.a.map(|span| side(span, first, &rows_of_a)),
            b: row.b.map(|span| side(span, second, &rows_of_b)),
            delta: row.delta_nanos(),
        });
    }
    let all = [
        Change::Same,
        Change::Slower,
        Change::Faster,
        Change::Added,
        Change::Missing,
    ];
    Ok(Json(Diff {
        a: a.summary,
        b: b.summary,
        rows,
        counts: all
            .into_iter()
            .map(|change| (change_name(change), changes.count(change)))
            .collect(),
    }))
}

/// The name of a change in the API.
fn change_name(change: Change) -> &'static str {
    match change {
        Change::Same => "same",
        Change::Slower => "slower",
        Change::Faster => "faster",
        Change::Added => "added",
        Change::Missing => "missing",
    }
}

/// Answer of `/api/why`: the operations in which slow traces of one root operation spend more time than typical ones.
#[derive(Default, Serialize)]
pub(super) struct Why {
    /// Service of the root.
    service: String,
    /// Label of the root.
    name: String,
    /// Number of traces with this root.
    traces: usize,
    /// Traces up to the median duration.
    typical: Group,
    /// Traces from the 99th percentile on.
    slow: Group,
    /// The largest difference first.
    operations: Vec<Operation>,
    /// The root operations that there are, to choose from by `service:` and `name:`.
    roots: Vec<Root>,
}

/// Number of traces, and the mean duration of their roots in nanoseconds.
#[derive(Default, Serialize)]
struct Group {
    traces: usize,
    duration: u64,
}

/// The spans of one service and label, by their time on the critical path.
#[derive(Serialize)]
struct Operation {
    service: String,
    name: String,
    /// Mean time in a typical trace, in nanoseconds.
    typical: u64,
    /// Mean time in a slow trace, in nanoseconds.
    slow: u64,
    /// `slow` less `typical`.
    delta: i64,
    /// Share of the whole difference, 1 for all of it; negative if the operation is shorter in slow traces.
    share: f64,
}

/// A root operation, and the number of its traces.
#[derive(Serialize)]
struct Root {
    service: String,
    name: String,
    traces: usize,
}

/// Explains the slow traces of the root operation with most traces, or of the one that `service` and `name` give.
/// Without a match, the answer has the roots alone.
///
/// # Errors
///
/// Returns an error for a query that is not valid.
pub(super) async fn why(State(api): State<Api>, params: Params) -> Result<Json<Why>, ApiError> {
    let found = reasons::by_root(&matching(&api, &params)?);
    let roots = found.iter().map(|why| Root {
        service: why.root.0.clone(),
        name: why.root.1.clone(),
        traces: why.traces,
    });
    let roots: Vec<Root> = roots.collect();
    let is_wanted = |why: &&reasons::Why| {
        params
            .text("service")
            .is_none_or(|service| service == why.root.0)
            && params.text("name").is_none_or(|name| name == why.root.1)
    };
    let Some(why) = found.iter().find(is_wanted) else {
        return Ok(Json(Why {
            roots,
            ..Why::default()
        }));
    };
    let group = |group: reasons::Group| Group {
        traces: group.traces,
        duration: group.duration,
    };
    let operations = why.operations.iter().map(|operation| Operation {
        service: operation.service.clone(),
        name: operation.name.clone(),
        typical: operation.typical,
        slow: operation.slow,
        delta: operation.delta(),
        share: operation.share,
    });
    Ok(Json(Why {
        service: why.root.0.clone(),
        name: why.root.1.clone(),
        traces: why.traces,
        typical: group(why.typical),
        slow: group(why.slow),
        operations: operations.collect(),
        roots,
    }))
}

/// Answer of `/api/import`: numbers of spans and log records, and the ids of up to 100 traces.
#[derive(Serialize)]
pub(super) struct Imported {
    spans: usize,
    logs: usize,
    traces: Vec<String>,
}

/// Stores a file of OTLP JSON: one document, or one on each line. The limits of the store apply, so an import may
/// evict older traces.
///
/// # Errors
///
/// 400 with the code `bad_body` if the file is not UTF-8 or cannot be decoded. Nothing is stored then.
pub(super) async fn import(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Imported>, ApiError> {
    /// Ids in the answer.
    const LISTED: usize = 100;
    let text =
        std::str::from_utf8(&body).map_err(|_| ApiError::bad_body("the file is not UTF-8"))?;
    let decoded = decode::file(text).map_err(|error| ApiError::bad_body(error.to_string()))?;
    api.view.receive(&decoded);
    let ids: std::collections::BTreeSet<TraceId> =
        decoded.spans.iter().map(|span| span.trace_id).collect();
    Ok(Json(Imported {
        spans: decoded.spans.len(),
        logs: decoded.logs.len(),
        traces: ids.iter().take(LISTED).map(TraceId::to_string).collect(),
    }))
}

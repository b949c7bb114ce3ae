//! The service map, of one trace or of all that match.
//! `router` calls it; `traces` makes the map of one trace.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use hopline_analysis::{Node, service_map};
use hopline_core::export::SpanData;
use serde::Serialize;

use super::copied::matching;
use super::params::Params;
use super::state::Api;
use crate::error::ApiError;

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

/// The services of the matching traces, with the calls between them.
pub(super) async fn map(State(api): State<Api>, params: Params) -> Result<Json<Map>, ApiError> {
    Ok(Json(map_of(&matching(&api, &params)?)))
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

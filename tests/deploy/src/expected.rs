//! The answers of the queries, computed from the recorded spans.

use std::collections::{BTreeMap, HashMap, HashSet};

use hopline_core::SpanKind;
use hopline_core::export::{SpanData, StatusData};
use serde_json::{Value, json};

use crate::Result;

/// Service, method and route.
type Route<'a> = (&'a str, String, String);

/// Returns an error unless there are exemplars, and each has the id of a recorded trace.
pub(crate) fn exemplars_are_of(spans: &[SpanData], exemplars: &[String]) -> Result<()> {
    let known: HashSet<String> = spans.iter().map(|span| span.trace_id.to_string()).collect();
    match exemplars.iter().find(|id| !known.contains(*id)) {
        Some(id) => {
            Err(format!("an exemplar has the trace id {id}, which was not exported").into())
        }
        None if exemplars.is_empty() => Err("Prometheus has no exemplar".into()),
        None => Ok(()),
    }
}

/// The rows of `slowest-routes.sql`, in its order.
pub(crate) fn slowest_routes(spans: &[SpanData]) -> Vec<Value> {
    let mut routes: BTreeMap<Route<'_>, Vec<u64>> = BTreeMap::new();
    for span in spans
        .iter()
        .filter(|span| attribute(span, "hopline.kept").is_none())
    {
        if let Some(route) = route(span) {
            routes
                .entry(route)
                .or_default()
                .push(span.end_unix_nanos - span.start_unix_nanos);
        }
    }
    let mut rows: Vec<_> = routes
        .into_iter()
        .map(|((service, method, route), mut times)| {
            times.sort_unstable();
            // as ClickHouse's quantileExact takes it
            let at = |share: f64| rounded(times[(share * times.len() as f64) as usize] as f64 / 1e6, 3);
            json!({"service": service, "method": method, "route": route, "spans": times.len(), "p50_ms": at(0.5), "p99_ms": at(0.99)})
        })
        .collect();
    // stable: routes of one time stay in the order of their names
    rows.sort_by(|a, b| {
        b["p99_ms"]
            .as_f64()
            .unwrap_or(0.0)
            .total_cmp(&a["p99_ms"].as_f64().unwrap_or(0.0))
    });
    rows.truncate(20);
    rows
}

/// The rows of `error-rate.sql`, by service, method and route.
pub(crate) fn error_rate(spans: &[SpanData]) -> Vec<Value> {
    let mut routes: BTreeMap<Route<'_>, (f64, f64)> = BTreeMap::new();
    for span in spans {
        let (Some(route), Some(count)) = (route(span), counted(span)) else {
            continue;
        };
        let (requests, errors) = routes.entry(route).or_default();
        *requests += count;
        *errors += if failed(span) { count } else { 0.0 };
    }
    routes
        .into_iter()
        .map(|((service, method, route), (requests, errors))| {
            json!({"service": service, "method": method, "route": route, "requests": rounded(requests, 3),
                "errors": rounded(errors, 3), "error_rate": rounded(errors / requests, 4)})
        })
        .collect()
}

/// The rows of `service-map.sql`, in its order.
pub(crate) fn service_map(spans: &[SpanData]) -> Vec<Value> {
    let by_id: HashMap<_, &SpanData> = spans
        .iter()
        .map(|span| ((span.trace_id, span.span_id), span))
        .collect();
    let mut calls: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for child in spans {
        let parent = child
            .parent
            .and_then(|parent| by_id.get(&(child.trace_id, parent)));
        let Some(parent) = parent.filter(|parent| service(parent) != service(child)) else {
            continue;
        };
        let (all, errors) = calls.entry((service(parent), service(child))).or_default();
        *all += 1;
        *errors += u64::from(failed(child));
    }
    calls
        .into_iter()
        .map(|((caller, callee), (calls, errors))| json!({"caller": caller, "callee": callee, "calls": calls, "errors": errors}))
        .collect()
}

/// The rows of `counts.sql`, in its order.
pub(crate) fn counts(spans: &[SpanData]) -> Vec<Value> {
    let mut services: BTreeMap<&str, (u64, u64, f64, f64)> = BTreeMap::new();
    for root in spans.iter().filter(|span| span.parent.is_none()) {
        let (kept, uncounted, traces, variance) = services.entry(service(root)).or_default();
        *kept += 1;
        match counted(root) {
            Some(count) => {
                *traces += count;
                *variance += count * (count - 1.0);
            }
            None => *uncounted += 1,
        }
    }
    services
        .into_iter()
        .map(|(service, (kept, uncounted, traces, variance))| {
            json!({"service": service, "kept": kept, "kept_for_their_end": uncounted, "traces": rounded(traces, 3),
                "standard_error": rounded(variance.sqrt(), 3)})
        })
        .collect()
}

/// The number of spans that this one represents; `None` if it was kept for another reason than its probability.
fn counted(span: &SpanData) -> Option<f64> {
    span.adjusted_count().filter(|count| *count > 0.0)
}

fn route(span: &SpanData) -> Option<Route<'_>> {
    let route = attribute(span, "http.route").filter(|_| span.kind == SpanKind::Server)?;
    Some((
        service(span),
        attribute(span, "http.request.method").unwrap_or_default(),
        route,
    ))
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.to_string())
}

fn service(span: &SpanData) -> &str {
    span.resource.service_name()
}

fn failed(span: &SpanData) -> bool {
    matches!(span.status, StatusData::Error { .. })
}

fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

//! Latencies, critical paths and the service map.

use hopline_analysis::{Node, latency, service_map};
use hopline_core::SpanKind;

use crate::made::{MS, failed, span, whole, with};

#[test]
fn the_critical_path_has_the_spans_that_were_waited_for() {
    let spans = whole();
    let latency = latency(&spans);
    let hop = |name: &str| latency.hops.iter().find(|hop| hop.name == name).unwrap();
    assert_eq!(latency.hops[0].name, "db.query  INSERT orders");
    assert_eq!(
        (
            hop("db.query  INSERT orders").critical,
            hop("db.query  INSERT orders").self_time
        ),
        (40 * MS, 40 * MS)
    );
    assert_eq!(hop("POST /orders").self_time, 25 * MS);
    assert_eq!(
        hop("process.message  order.placed").critical,
        0,
        "no span waited for it"
    );
    let shares: f64 = latency.hops.iter().map(|hop| hop.critical_share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert!(
        latency.to_string().starts_with("service  span"),
        "{latency}"
    );
}

#[test]
fn the_map_shows_callers_databases_and_queues() {
    let mut spans = whole();
    let mut outside = with(
        span(9, 4, "orders", "GET", SpanKind::Client, (61, 62)),
        &[("server.address", "rates.example")],
    );
    outside.attributes.push(("server.port".into(), 443.into()));
    spans.push(failed(outside, "timeout", ""));
    let map = service_map(&spans);
    let edges: Vec<String> = map
        .edges
        .iter()
        .map(|edge| format!("{} > {} {}/{}", edge.from, edge.to, edge.count, edge.errors))
        .collect();
    assert_eq!(
        edges,
        [
            "(outside) > gateway 1/0",
            "gateway > orders 1/0",
            "orders > rates.example:443 1/1",
            "orders > [sqlite shop.sqlite] 1/0",
            "orders > <order.placed> 1/0",
            "<order.placed> > worker 1/0",
        ]
    );
    assert_eq!(map.edges[1].p50, 85 * MS, "as the caller saw it");
    assert_eq!(map.edges[0].from, Node::Outside);
}

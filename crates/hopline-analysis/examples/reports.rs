//! Reports over finished spans: the tree of a trace, the latency of each hop, the service map.
//!
//! ```sh
//! cargo run -p hopline-analysis --example reports
//! ```
//!
//! ```text
//! trace 00000000000000000000000000000001
//! GET /orders/{id} ▸ orders                        50 ms  ████████████████████████  ◀ 20 %
//! └─ GET                                           40 ms    ███████████████████     ◀ 20 %
//!    └─ GET /stock/{sku} ▸ inventory               30 ms      ███████████████
//!       └─ db.query  SELECT stock ▸ postgresql     26 ms       █████████████        ◀ 52 %
//!
//! service    span                    count  errors    p50    p95    max    self  critical path
//! inventory  db.query  SELECT stock      1       0  26 ms  26 ms  26 ms   26 ms           52 %
//! orders     GET                         1       0  40 ms  40 ms  40 ms   10 ms           20 %
//! orders     GET /orders/{id}            1       0  50 ms  50 ms  50 ms   10 ms           20 %
//! inventory  GET /stock/{sku}            1       0  30 ms  30 ms  30 ms  4.0 ms            8 %
//!
//! caller     callee            calls  errors    p50    p95
//! (outside)  ──▸ orders            1       0  50 ms  50 ms
//! inventory  ──▸ [postgresql]      1       0  26 ms  26 ms
//! orders     ──▸ inventory         1       0  40 ms  40 ms
//! ```

#![expect(clippy::print_stdout, reason = "it prints reports")]

use std::sync::Arc;

use hopline_analysis::{TreeOptions, latency, service_map, traces};
use hopline_core::export::SpanData;
use hopline_core::{Resource, SpanId, SpanKind, TraceId};

/// A span of a service, from and to these milliseconds.
fn span(
    service: &str,
    name: &str,
    kind: SpanKind,
    ids: [u64; 2],
    times: [u64; 2],
) -> Option<SpanData> {
    let [id, parent] = ids.map(SpanId::from_u64);
    let mut span = SpanData::new(name, TraceId::from_u128(1)?, id?);
    (span.parent, span.kind) = (parent, kind);
    span.resource = Arc::new(Resource::new(service));
    [span.start_unix_nanos, span.end_unix_nanos] = times.map(|millis| millis * 1_000_000);
    Some(span)
}

/// A request of two services and a database; spans usually come from a sink, a test or a file.
fn request() -> Option<[SpanData; 4]> {
    let mut query = span("inventory", "db.query", SpanKind::Client, [4, 3], [12, 38])?;
    query
        .attributes
        .push(("db.system.name".into(), "postgresql".into()));
    query
        .attributes
        .push(("db.query.summary".into(), "SELECT stock".into()));
    Some([
        span(
            "orders",
            "GET /orders/{id}",
            SpanKind::Server,
            [1, 0],
            [0, 50],
        )?,
        span("orders", "GET", SpanKind::Client, [2, 1], [5, 45])?,
        span(
            "inventory",
            "GET /stock/{sku}",
            SpanKind::Server,
            [3, 2],
            [10, 40],
        )?,
        query,
    ])
}

fn main() {
    let spans = request().into_iter().flatten().collect::<Vec<_>>();
    for trace in traces(&spans) {
        println!("{}", trace.tree(&TreeOptions::default()));
    }
    println!("{}", latency(&spans));
    print!("{}", service_map(&spans));
}

//! Assertions on spans, as in the tests of a service.
//!
//! ```sh
//! cargo run -p hopline-testing --example assertions
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! ├─ cache.lookup
//! └─ GET  ✗ timeout
//! ```

#![expect(clippy::print_stdout, reason = "it shows the tree")]

use hopline_core::{Incoming, SpanBuilder, SpanKind, Tracer, span};

const TREE: &str = "
GET /orders/{id} ▸ orders
├─ cache.lookup
└─ GET  ✗ timeout
";

/// The code under test: services give their tracer to the layers, `TraceLayer::new().tracer(tracer)`.
fn handle(tracer: &Tracer) {
    let mut request = SpanBuilder::new("GET /orders/{id}")
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    request.in_scope(|| {
        span("cache.lookup").set("cache.hit", false);
        let call = SpanBuilder::new("GET").kind(SpanKind::Client).start();
        call.fail("timeout");
    });
}

fn main() {
    let (tracer, spans) = hopline_testing::tracer("orders"); // each test has its own, so they run in parallel
    handle(&tracer);

    // one span
    spans
        .one("cache.lookup")
        .child_of("GET /orders/{id}")
        .attribute("cache.hit", false);
    spans.one("GET").kind(SpanKind::Client).failed("timeout");
    // the whole trace
    hopline_testing::assert_tree(&spans.all(), TREE);

    print!("{}", spans.tree());
}

//! Allocations: none for recorded spans once warm, none at all for spans that are not recorded.

use allocation_counter::measure;
use hopline_core::{
    Baggage, Context, Incoming, Literal, SamplingPlan, Span, SpanBuilder, SpanKind, Tracer, attr,
    span,
};

/// A request with five children of six attributes each.
fn request(tracer: &Tracer) {
    let mut request = SpanBuilder::new("GET /orders/{id}")
        .kind(SpanKind::Server)
        .method("GET")
        .path("/orders/7")
        .tracer(tracer)
        .parent(Incoming::default())
        .attributes(|| [attr("http.request.method", Literal("GET"))])
        .start();
    request.in_scope(|| {
        for id in 0..5 {
            let child = SpanBuilder::new("db.query")
                .kind(SpanKind::Client)
                .attributes(|| {
                    [
                        attr("db.system.name", Literal("postgresql")),
                        attr("db.namespace", "orders"),
                        attr("db.query.text", "SELECT * FROM orders WHERE id = $1"),
                        attr("server.address", "127.0.0.1"),
                        attr("server.port", 5432),
                        attr("order.id", id),
                    ]
                })
                .start();
            child.set("db.response.returned_rows", 1);
        }
        span("cache.lookup").event("hit", || []);
    });
}

#[track_caller]
fn allocates_nothing(work: impl Fn()) {
    for _ in 0..2000 {
        work(); // fills the pool and all chunks in use
    }
    let allocations = measure(|| (0..100).for_each(|_| work())).count_total;
    assert_eq!(allocations, 0);
}

#[test]
fn a_request_that_is_not_recorded_allocates_nothing() {
    let tracer = Tracer::builder()
        .plan(SamplingPlan::new().others(0.0))
        .build();
    allocates_nothing(|| request(&tracer));
}

#[test]
fn a_request_that_is_discarded_at_its_end_allocates_nothing() {
    let tracer = Tracer::builder()
        .plan(SamplingPlan::new().others(0.0).keep_errors())
        .build();
    allocates_nothing(|| request(&tracer));
}

#[test]
fn recording_spans_allocates_nothing_once_warm() {
    let tracer = Tracer::builder().build();
    // a batch that is handed over is one allocation for up to 512 spans or more: look between two of them
    for _ in 0..2000 {
        request(&tracer);
    }
    let requests: Vec<u64> = (0..200)
        .map(|_| measure(|| request(&tracer)).count_total)
        .collect();
    let busy = requests
        .iter()
        .filter(|allocations| **allocations > 0)
        .count();
    assert!(
        busy <= 4,
        "7 spans a request make 3 batches of 200 requests: {requests:?}"
    );
    assert!(
        requests.iter().all(|allocations| *allocations <= 2),
        "{requests:?}"
    );
}

#[test]
fn a_context_is_cloned_without_an_allocation() {
    let request = Span::none();
    allocates_nothing(|| drop((request.context(), Context::current())));
}

#[test]
fn baggage_as_attributes_allocates_nothing_for_each_span() {
    let tracer = Tracer::builder()
        .plan(SamplingPlan::new().others(0.0).keep_errors())
        .baggage_attributes(["tenant_id", "plan"])
        .build();
    let (baggage, _) = Baggage::parse([&b"tenant_id=acme,plan=gold"[..]]);
    let request = |children: usize| {
        let incoming = Incoming {
            baggage: baggage.clone(),
            ..Incoming::default()
        };
        let root = SpanBuilder::new("GET /");
        let mut root = root.tracer(&tracer).parent(incoming).start();
        root.in_scope(|| (0..children).for_each(|_| span("step").end()));
    };
    let allocations = |children| {
        (0..2000).for_each(|_| request(children));
        measure(|| (0..100).for_each(|_| request(children))).count_total
    };
    assert_eq!(allocations(20), allocations(1));
}

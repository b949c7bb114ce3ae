//! Baggage members that are allowed as attributes.

use hopline_core::{Baggage, Incoming, Limits, Span, SpanBuilder, Tracer, attr, export::SpanData};
use hopline_testing::{Spans, tracer_with};

fn with(baggage: Baggage) -> Incoming {
    Incoming {
        baggage,
        ..Incoming::default()
    }
}

fn member(value: &str) -> Baggage {
    Baggage::default().with("tenant_id", value).unwrap()
}

fn tracer(limits: Limits) -> (Tracer, Spans) {
    tracer_with(|builder| {
        builder
            .baggage_attributes(["tenant_id", "region"])
            .limits(limits)
    })
}

fn request(tracer: &Tracer, baggage: Baggage) -> Span {
    SpanBuilder::new("request")
        .tracer(tracer)
        .parent(with(baggage))
        .start()
}

fn child(of: &Span) -> Span {
    SpanBuilder::new("child").child_of(of.context_ref()).start()
}

fn tenants(spans: &[SpanData]) -> Vec<&str> {
    spans
        .iter()
        .map(|span| span.text("tenant_id").unwrap_or("none"))
        .collect()
}

#[test]
fn a_large_member_of_a_strangers_baggage_loses_no_span() {
    let (tracer, memory) = tracer(Limits::default());
    let request = request(&tracer, member(&"x".repeat(8000)));
    for _ in 0..300 {
        child(&request).end();
    }
    let held = tracer.stats().buffer_bytes;
    assert!(held < 100_000, "{held}");
    request.fail("500");
    request.end();
    let spans = memory.take();
    assert_eq!((spans.len(), tracer.stats().lost_spans), (301, 0));
    assert!(
        tenants(&spans)
            .iter()
            .all(|tenant| *tenant == "x".repeat(1 << 10))
    );
    assert_eq!(tracer.stats().cut_texts, 1, "once for the trace");
}

#[test]
fn a_member_that_changes_on_the_way_is_that_of_its_spans() {
    let (tracer, memory) = tracer(Limits::default());
    let request = request(&tracer, member("acme"));
    let same = request.context().with_baggage(member("acme"));
    let other = request.context().with_baggage(member("other"));
    let more = request
        .context()
        .with_baggage(member("acme").with("region", "eu").unwrap());
    let none = request.context().with_baggage(Baggage::EMPTY);
    for context in [&same, &other, &more, &none] {
        SpanBuilder::new("child").child_of(context).start().end();
    }
    request.end();
    let spans = memory.take();
    assert_eq!(tenants(&spans), ["acme", "acme", "other", "acme", "none"]);
    let regions: Vec<_> = spans.iter().map(|span| span.text("region")).collect();
    assert_eq!(regions, [None, None, None, Some("eu"), None]);
}

#[test]
fn what_the_application_sets_counts_more() {
    let (tracer, memory) = tracer(Limits::default());
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(with(member("acme")))
        .attributes(|| [attr("tenant_id", "known")])
        .start();
    let child = child(&request);
    child.set("tenant_id", "found");
    child.end();
    request.end();
    assert_eq!(tenants(&memory.take()), ["known", "found"]);
}

#[test]
fn cut_and_late_spans_have_it_too() {
    let limits = Limits {
        spans_per_trace: 4,
        ..Limits::default()
    };
    let (tracer, memory) = tracer(limits);
    let request = request(&tracer, member("acme"));
    let held = child(&request);
    for _ in 0..20 {
        child(&request).end();
    }
    let (open, context) = (child(&request), request.context());
    request.end();
    for number in 0..10 {
        let late = SpanBuilder::new("late").child_of(&context).start();
        if number % 2 == 0 {
            late.event("event", || []);
        }
        late.end();
    }
    drop((open, held));
    // all is out, and begins anew
    SpanBuilder::new("last").child_of(&context).start().end();
    let spans = memory.take();
    assert_eq!((spans.len(), tracer.stats().lost_spans), (34, 0));
    assert_eq!(tenants(&spans), ["acme"; 34]);
}

#[test]
fn it_counts_among_the_attributes_of_a_span() {
    let limits = Limits {
        attributes_per_span: 2,
        ..Limits::default()
    };
    let (tracer, memory) = tracer(limits);
    let attrs = || [attr("a", 1), attr("b", 2)];
    SpanBuilder::new("full")
        .tracer(&tracer)
        .parent(with(member("acme")))
        .attributes(attrs)
        .start()
        .end();
    let span = memory.take().remove(0);
    assert_eq!((span.text("tenant_id"), span.dropped_attributes), (None, 1));
    assert_eq!(tracer.stats().lost_details, 1);
}

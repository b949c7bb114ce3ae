//! Limits: what they drop and count, and what they never affect.

use hopline_core::{AttrSet, Incoming, Limits, SpanBuilder, attr, span};
use hopline_test_support::start::{PARENT, root, unsampled};
use hopline_testing::tracer_with;

#[test]
fn limits_drop_and_count() {
    let limits = Limits {
        attributes_per_span: 2,
        events_per_span: 1,
        attributes_per_event: 1,
        links_per_span: 0,
        value_bytes: 4,
        spans_per_trace: 3,
        ..Limits::default()
    };
    let (tracer, memory) = tracer_with(|builder| builder.limits(limits));
    let mut request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| {
            [
                attr("none", None::<i64>),
                attr("cut", "abc\u{e9}f"),
                attr("b", 2),
                attr("c", 3),
            ]
        })
        .start();
    request.event("one", || [attr("a", 1), attr("b", 2)]);
    request.event("two", || []);
    request.link(&PARENT.parse().unwrap());
    let children: Vec<_> = request.in_scope(|| (0..4).map(|_| span("child")).collect());
    assert_eq!(
        children.iter().filter(|child| child.is_recording()).count(),
        2
    );
    let orphan = SpanBuilder::new("grandchild")
        .child_of(children[3].context_ref())
        .start();
    assert!(!orphan.is_recording());
    drop((children, orphan));
    request.end();
    let spans = memory.take();
    let request = &spans[0];
    assert_eq!(request.text("cut"), Some("abc"));
    assert_eq!(request.events[0].attributes, [("a".to_owned(), 1.into())]);
    assert_eq!(
        (
            request.dropped_attributes,
            request.dropped_events,
            request.dropped_links
        ),
        (1, 1, 1)
    );
    assert_eq!(request.attribute("hopline.dropped_spans"), Some(&3.into()));
    assert_eq!(tracer.stats().lost_spans, 3);
    assert_eq!(tracer.stats().lost_details, 4);
}

#[test]
fn a_failure_is_recorded_beyond_the_limits() {
    let limits = Limits {
        attributes_per_span: 1,
        ..Limits::default()
    };
    let (tracer, memory) =
        tracer_with(|builder| builder.limits(limits).plan(unsampled().keep_errors()));
    let request = root(&tracer, "request");
    request.set_all(|| [attr("a", 1), attr("b", 2)]);
    request.fail_with("timeout", "too late");
    request.end();
    let request = memory.take().remove(0);
    assert_eq!(
        (request.text("error.type"), request.text("hopline.kept")),
        (Some("timeout"), Some("error"))
    );
    assert_eq!(
        (request.attributes.len(), request.dropped_attributes),
        (4, 1)
    );
    assert_eq!(request.text("hopline.sampling.rule"), Some("keep errors"));
}

#[test]
fn a_value_is_cut_before_room_is_made_for_it() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let long = "x".repeat(3 << 20);
    let request = root(&tracer, "request");
    request.set_all(|| {
        [
            attr("before", 1),
            attr("long", long.as_str()),
            attr("after", 2),
        ]
    });
    request.end();
    let request = memory.take().remove(0);
    assert_eq!(
        (
            request.text("long").map(str::len),
            request.dropped_attributes
        ),
        (Some(16 << 10), 0)
    );
}

#[test]
fn the_process_budget_bounds_all_traces_and_is_given_back() {
    let limits = Limits {
        total_bytes: 20_000,
        ..Limits::default()
    };
    let (tracer, memory) = tracer_with(|builder| builder.limits(limits));
    let requests: Vec<_> = (0..100).map(|_| root(&tracer, "request")).collect();
    let recorded = requests
        .iter()
        .filter(|request| request.is_recording())
        .count();
    assert!((1..100).contains(&recorded), "{recorded}");
    assert!(tracer.stats().buffer_bytes <= 20_000);
    assert_eq!(tracer.stats().lost_traces as usize, 100 - recorded);
    assert!(
        requests
            .iter()
            .all(|request| request.span_context().is_some()),
        "ids travel all the same"
    );
    drop(requests);
    assert_eq!(memory.take().len(), recorded);
    assert!(root(&tracer, "request").is_recording());
}

#[test]
fn data_for_a_span_after_its_end_is_counted() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let request = root(&tracer, "request");
    let child = SpanBuilder::new("child")
        .child_of(request.context_ref())
        .start();
    let late = child.context();
    child.end();
    late.set_all(|| [attr("a", 1), attr("b", 2), attr("c", None::<i64>)]);
    late.event("event", || []);
    late.link(&PARENT.parse().unwrap());
    late.rename("other");
    late.fail("late");
    late.cancel();
    request.end();
    assert_eq!(tracer.stats().lost_details, 7);
    let child = memory.take().remove(1);
    assert_eq!(
        (
            child.name.as_str(),
            child.attributes.len(),
            child.is_error()
        ),
        ("child", 0, false)
    );
}

#[test]
fn what_a_set_could_not_take_is_counted_on_each_span_that_takes_it() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let set: AttrSet = [attr("", 1), attr("kept", 2), attr("", "text")]
        .into_iter()
        .collect();
    let more: AttrSet = [set.as_attr()].into_iter().collect();
    let request = root(&tracer, "request");
    for set in [&set, &more] {
        SpanBuilder::new("child")
            .child_of(request.context_ref())
            .attributes(|| [set.as_attr()])
            .start()
            .end();
    }
    request.end();
    let lost: Vec<_> = memory
        .take()
        .iter()
        .map(|span| span.dropped_attributes)
        .collect();
    assert_eq!((lost, tracer.stats().lost_details), (vec![0, 2, 2], 4));
}

//! Local traces whose root runs for long, and what holds on to one after its end.

use std::time::{Duration, SystemTime};

use hopline_core::{
    Clock, Incoming, Limits, Span, SpanBuilder, Tracer, attr, export::SpanData, time::ManualClock,
};
use hopline_test_support::start::{PARENT, root, unsampled};
use hopline_testing::{Spans, tracer_with};

fn limited(plan: &str, limits: Limits) -> (Tracer, Spans) {
    tracer_with(|builder| builder.plan(plan.parse().unwrap()).limits(limits))
}

fn four_spans() -> Limits {
    Limits {
        spans_per_trace: 4,
        ..Limits::default()
    }
}

fn child(of: &Span, number: i64) -> Span {
    SpanBuilder::new("child")
        .child_of(of.context_ref())
        .attributes(|| [attr("number", number)])
        .start()
}

/// Numbers of the children among them.
fn numbers(spans: &[SpanData]) -> Vec<i64> {
    let mut numbers: Vec<i64> = spans
        .iter()
        .filter_map(|span| span.attribute("number")?.as_i64())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_root_that_does_not_end_loses_nothing_that_was_sampled() {
    let (tracer, memory) = limited("* 100%", four_spans());
    let request = root(&tracer, "request");
    for number in 0..100 {
        child(&request, number).end();
        request.set("last", number);
    }
    let before = memory.take();
    assert!(before.len() > 90, "{}", before.len());
    assert!(before.iter().all(|span| span.name == "child"));
    request.end();
    let after = memory.take();
    let last = after.iter().find(|span| span.name == "request").unwrap();
    assert_eq!(last.attribute("last"), Some(&99.into()));
    let all = [before, after.clone()].concat();
    assert_eq!(numbers(&all), (0..100).collect::<Vec<_>>(), "each once");
    assert!(all.iter().all(|span| span.trace_id == last.trace_id
        && (span.parent == Some(last.span_id)) == (span.name == "child")));
    assert_eq!(tracer.stats().lost_spans, 0);
}

#[test]
fn spans_open_at_a_cut_keep_their_data() {
    let (tracer, memory) = limited("* 100%", four_spans());
    let link = PARENT.parse().unwrap();
    let request = root(&tracer, "request");
    let name = String::from("made at run time");
    let long = SpanBuilder::new(&name)
        .child_of(request.context_ref())
        .attributes(|| [attr("text", "before the cuts"), attr("number", -1)])
        .start();
    long.event("before", || [attr("text", "of the event")]);
    long.link(&link);
    for number in 0..20 {
        child(&request, number).end();
    }
    long.set("after", "the cuts");
    long.event("after", || []);
    for number in 20..40 {
        child(&request, number).end();
    }
    long.fail("timeout");
    long.end();
    request.end();
    let spans = memory.take();
    assert_eq!(numbers(&spans), (-1..40).collect::<Vec<_>>());
    let long = spans.iter().find(|span| span.name == name).unwrap();
    let texts = ["text", "after", "error.type"].map(|key| long.text(key).unwrap_or_default());
    assert_eq!(texts, ["before the cuts", "the cuts", "timeout"]);
    let events: Vec<_> = long
        .events
        .iter()
        .map(|event| event.name.as_str())
        .collect();
    assert_eq!(events, ["before", "after"]);
    assert_eq!(
        long.events[0].attributes,
        [("text".to_owned(), "of the event".into())]
    );
    assert_eq!(long.links.len(), 1);
    assert_eq!(long.links[0].span_context.trace_id(), link.trace_id());
}

#[test]
fn a_trace_that_may_be_discarded_loses_its_finished_spans_and_counts_them() {
    let (tracer, memory) = limited("* 0%; keep errors", four_spans());
    let request = root(&tracer, "request");
    for number in 0..9 {
        child(&request, number).end();
    }
    // three children fit beside the root: each fourth makes room by dropping three
    assert_eq!(tracer.stats().lost_spans, 6);
    assert_eq!(memory.take(), []);
    request.fail("500");
    for number in 9..18 {
        child(&request, number).end();
    }
    request.end();
    let spans = memory.take();
    assert_eq!(numbers(&spans), (6..18).collect::<Vec<_>>());
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    assert_eq!(request.attribute("hopline.dropped_spans"), Some(&6.into()));
    assert_eq!(request.text("hopline.kept"), Some("error"));
    assert_eq!(tracer.stats().lost_spans, 6);
}

#[test]
fn a_trace_of_which_nothing_has_ended_takes_no_more() {
    let (tracer, memory) = limited("* 100%", four_spans());
    let request = root(&tracer, "request");
    let children: Vec<_> = (0..5).map(|number| child(&request, number)).collect();
    let recording = children.iter().filter(|child| child.is_recording()).count();
    assert_eq!((recording, tracer.stats().lost_spans), (3, 2));
    drop(children);
    assert!(child(&request, 5).is_recording(), "now there is room");
    request.end();
    assert_eq!(numbers(&memory.take()), [0, 1, 2, 5]);
}

#[test]
fn bytes_are_let_go_as_spans_are() {
    let limits = Limits {
        trace_bytes: 10_000,
        ..Limits::default()
    };
    let (tracer, memory) = limited("* 100%", limits);
    let request = root(&tracer, "request");
    let text = "x".repeat(500);
    for number in 0..200 {
        let child = child(&request, number);
        child.set("text", text.as_str());
        child.end();
    }
    assert!(tracer.stats().buffer_bytes <= 10_000);
    request.end();
    let spans = memory.take();
    assert_eq!(spans.len() + tracer.stats().lost_spans as usize, 201);
    let whole = spans.iter().filter(|span| span.text("text").is_some());
    let lost = tracer.stats().lost_details as usize;
    assert!(whole.count() > 150 && lost < 50, "{lost}");
}

#[test]
fn finished_spans_do_not_wait_for_hours() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let minute = Duration::from_secs(60);
    for (plan, comes_early) in [("* 100%", true), ("* 0%; keep slower 1s", false)] {
        let (tracer, memory) = tracer_with(|builder| {
            let builder = builder.plan(plan.parse().unwrap());
            builder.clock(Clock::Manual(clock.clone()))
        });
        let request = root(&tracer, "request");
        child(&request, 0).end();
        assert_eq!(memory.take(), []);
        clock.advance(minute);
        child(&request, 1).end();
        let early = numbers(&memory.take());
        assert_eq!(early, if comes_early { vec![0, 1] } else { vec![] });
        child(&request, 2).end();
        assert_eq!(memory.take(), [], "a minute has not gone by");
        request.end();
        let late = numbers(&memory.take());
        assert_eq!(late, if comes_early { vec![2] } else { vec![0, 1, 2] });
    }
}

#[test]
fn an_old_context_never_writes_on_another_span_after_a_cut() {
    let (tracer, memory) = limited("* 100%", four_spans());
    let request = root(&tracer, "request");
    let first = child(&request, 0);
    let old = first.context();
    first.end();
    for number in 1..20 {
        child(&request, number).end();
        old.set("misplaced", true);
        old.fail("misplaced");
    }
    request.end();
    let spans = memory.take();
    assert_eq!(spans.len(), 21);
    assert!(spans.iter().all(|span| !span.is_error()));
    assert!(
        spans
            .iter()
            .all(|span| span.attribute("misplaced").is_none())
    );
    assert_eq!(tracer.stats().lost_details, 38);
}

#[test]
fn late_spans_without_end_do_not_fill_a_kept_trace() {
    let (tracer, memory) = limited("* 100%", four_spans());
    let request = root(&tracer, "request");
    let open = child(&request, -1);
    let context = open.context();
    request.end();
    for number in 0..100 {
        SpanBuilder::new("late")
            .child_of(&context)
            .attributes(|| [attr("number", number)])
            .start()
            .end();
    }
    open.end();
    assert_eq!(numbers(&memory.take()), (-1..100).collect::<Vec<_>>());
    assert_eq!(tracer.stats().lost_spans, 0);
}

#[test]
fn a_context_that_is_held_gives_the_buffer_back() {
    let (tracer, _memory) = tracer_with(|builder| builder.plan(unsampled().keep_errors()));
    let held: Vec<_> = (0..100)
        .map(|_| {
            let request = root(&tracer, "request");
            let context = request.context();
            child(&request, 0).end();
            request.end();
            context
        })
        .collect();
    let of_one = 8 << 10;
    assert!(tracer.stats().buffer_bytes < of_one);
    drop(held);
    assert!(tracer.stats().buffer_bytes < of_one);
    let none = SpanBuilder::new("x")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    assert!(none.is_recording());
}

#[test]
fn many_open_spans_leave_places_to_those_that_come_and_go() {
    let (tracer, memory) = limited("* 100%", Limits::default());
    let request = root(&tracer, "request");
    let open: Vec<Span> = (0..1900).map(|number| child(&request, number)).collect();
    for number in 1900..4000 {
        child(&request, number).end();
    }
    drop(open);
    request.end();
    assert_eq!(numbers(&memory.take()), (0..4000).collect::<Vec<_>>());
    assert_eq!(tracer.stats().lost_spans, 0);
}

/// Two events, a link and a lost attribute of each span, in turns with those of all others.
#[test]
fn each_of_many_spans_has_its_own_events_and_links() {
    let limits = Limits {
        attributes_per_span: 1,
        ..Limits::default()
    };
    let link = PARENT.parse().unwrap();
    // a whole trace, one with an open child, and spans behind their root
    for order in ["children first", "root before the last", "root first"] {
        let (tracer, memory) = limited("* 100%", limits);
        let request = root(&tracer, "request");
        let mut spans: Vec<Span> = (0..600).map(|number| child(&request, number)).collect();
        for turn in 0..2 {
            for (number, span) in spans.iter().enumerate() {
                span.event("event", || [attr("of", number), attr("turn", turn)]);
            }
        }
        for span in spans.iter().rev() {
            span.link(&link);
            span.set("lost", true);
        }
        let last = spans.pop().unwrap();
        if order == "root first" {
            request.end();
            drop((spans, last));
        } else {
            drop(spans);
            if order == "children first" {
                last.end();
                request.end();
            } else {
                request.end();
                last.end();
            }
        }
        let spans = memory.take();
        assert_eq!(numbers(&spans), (0..600).collect::<Vec<_>>(), "{order}");
        for span in spans.iter().filter(|span| span.name == "child") {
            let own = span.attribute("number").unwrap();
            let turns = [0, 1].map(|turn| {
                let of = ("of".to_owned(), own.clone());
                vec![of, ("turn".to_owned(), turn.into())]
            });
            let events: Vec<_> = span
                .events
                .iter()
                .map(|event| event.attributes.clone())
                .collect();
            assert_eq!(events, turns, "{order}");
            assert_eq!(
                (span.links.len(), span.dropped_attributes),
                (1, 1),
                "{order}"
            );
        }
    }
}

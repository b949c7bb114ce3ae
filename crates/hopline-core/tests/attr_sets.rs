//! Sets of attributes are recorded as if each attribute had been given by itself.

use std::time::SystemTime;

use hopline_core::{Attr, AttrSet, Clock, Limits, attr, export::SpanData, time::ManualClock};
use hopline_test_support::start::root;
use hopline_testing::tracer_with;

const LIST: &[&str] = &["one", "two \u{e9}"];

/// Attributes of every type, the two arrays last.
fn some(key: &String) -> Vec<Attr<'_>> {
    vec![
        attr("literal", hopline_core::Literal("abc\u{e9}f")),
        attr("none", None::<i64>),
        attr("copied", "some text \u{e9}"),
        attr(key, 7),
        attr("flag", true),
        attr("copied", "of which the later counts"),
        attr("half", 0.5),
        attr("list", LIST),
        attr("numbers", &[1_i64, 2][..]),
    ]
}

fn limited(limits: Limits, record: impl Fn(&hopline_core::Span)) -> (SpanData, u64) {
    let clock = Clock::Manual(ManualClock::new(SystemTime::UNIX_EPOCH));
    let (tracer, memory) = tracer_with(|builder| builder.limits(limits).clock(clock));
    let span = root(&tracer, "root");
    record(&span);
    span.end();
    (memory.take().remove(0), tracer.stats().lost_details)
}

#[test]
fn a_set_is_what_is_in_it() {
    let key = String::from("made at run time");
    let all = some(&key);
    compare(&all, &key);
    compare(&all[..all.len() - 2], &key);
}

/// Each split of them in two, one or the other a set, against all of them by themselves.
fn compare(all: &[Attr<'_>], key: &String) {
    for given in 0..=all.len() {
        let (own, others) = all.split_at(given);
        let [set, rest]: [AttrSet; 2] = [own, others].map(|some| some.iter().copied().collect());
        assert_eq!(set.len(), own.iter().filter(|attr| !is_none(attr)).count());
        let first: Vec<Attr<'_>> = [set.as_attr()].iter().chain(others).copied().collect();
        let last: Vec<Attr<'_>> = own.iter().copied().chain([rest.as_attr()]).collect();
        for most in 0..=16 {
            for value_bytes in [0, 4, 5, 64, usize::MAX] {
                let limits = Limits {
                    attributes_per_span: most,
                    attributes_per_event: most,
                    value_bytes,
                    ..Limits::default()
                };
                let recorded = |attrs: &[Attr<'_>]| {
                    limited(limits, |span| {
                        // a text before, so that the set's is not the trace's first
                        span.set("before", key);
                        span.set_all(|| attrs);
                        span.event("event", || attrs);
                        // and more behind, which shows how many it counted as
                        (0..5).for_each(|more| span.set("more", more));
                    })
                };
                let (expected, what) = (recorded(all), (given, most, value_bytes));
                assert_eq!(recorded(&first), expected, "the first: {what:?}");
                assert_eq!(recorded(&last), expected, "behind the first: {what:?}");
            }
        }
    }
}

fn is_none(attr: &Attr<'_>) -> bool {
    AttrSet::from_iter([*attr]).is_empty()
}

#[test]
fn a_set_takes_no_more_room_than_what_is_kept_of_it() {
    let long = "x".repeat(2 << 20);
    let key = String::from("key");
    // beyond what a trace may hold, before it is cut or most of it dropped
    for all in [
        vec![attr("long", &long), attr("number", 1)],
        (0..40_000).map(|_| attr(&key, &key)).collect(),
    ] {
        let set: AttrSet = all.iter().copied().collect();
        let limits = Limits::default();
        let singly = limited(limits, |span| span.set_all(|| &all));
        let as_set = limited(limits, |span| span.set_all(|| [set.as_attr()]));
        assert_eq!(as_set, singly);
        assert!(singly.0.attributes.len() > 1);
    }
}

#[test]
fn sets_hold_sets_and_are_made_anew() {
    let inner: AttrSet = [attr("a", "first"), attr("b", 2)].into_iter().collect();
    let mut outer = AttrSet::new();
    outer.extend([attr("c", "third"), inner.as_attr(), attr("a", "fourth")]);
    assert_eq!(
        (outer.len(), inner.len(), AttrSet::new().iter().count()),
        (4, 2, 0)
    );
    assert_eq!(
        format!("{outer:?}"),
        r#"{"c": Str("third"), "b": I64(2), "a": Str("fourth")}"#
    );
    outer.clear();
    assert!(outer.is_empty());
    outer.extend([inner.as_attr()]);
    assert_eq!(format!("{outer:?}"), format!("{inner:?}"));
}

#[test]
fn every_loss_of_a_set_is_counted() {
    let set: AttrSet = [attr("a", 1), attr("b", 2)].into_iter().collect();
    let (tracer, memory) = tracer_with(|builder| builder);
    let span = root(&tracer, "root");
    let context = span.context();
    span.end();
    context.set_all(|| [set.as_attr(), attr("c", 3)]);
    assert_eq!(tracer.stats().lost_details, 3);
    root(&tracer, "empty").set_all(|| []);
    assert_eq!(memory.take().len(), 2);
}

#[test]
fn a_trace_grows_for_sets_and_pays_for_it() {
    for (attrs, bytes, times) in [(20, 1000, 4), (4, 4000, 30)] {
        let text = "x".repeat(bytes);
        let set: AttrSet = (0..attrs).map(|_| attr("key", &text)).collect();
        let limits = Limits {
            trace_bytes: 64 * 1024,
            ..Limits::default()
        };
        let (tracer, memory) = tracer_with(|builder| builder.limits(limits));
        let span = root(&tracer, "root");
        for _ in 0..times {
            span.set_all(|| [set.as_attr(), attr("last", "one")]);
        }
        span.end();
        let span = memory.take().remove(0);
        assert_eq!(
            (span.text("key"), span.text("last")),
            (Some(&*text), Some("one"))
        );
        let lost = tracer.stats().lost_details;
        assert!(lost > 0 && u64::from(span.dropped_attributes) == lost);
        // each set as a whole, and no more text than the trace may have
        let (kept, cut) = (times - lost / (attrs + 1), lost % (attrs + 1));
        let text = kept * attrs * bytes as u64;
        assert!(
            cut == 0 && text <= limits.trace_bytes as u64,
            "{text} bytes"
        );
    }
}

//! Names, keys and numbers as they are recorded.

use hopline_core::{AttrSet, Incoming, Limits, SpanBuilder, attr, export::OwnedValue, span};
use hopline_test_support::start::root;
use hopline_testing::tracer_with;

fn text(text: &str) -> OwnedValue {
    text.into()
}

#[test]
fn an_empty_key_is_refused_and_counted_wherever_it_is_given() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let set: AttrSet = [attr("", 1), attr("kept", 2)].into_iter().collect();
    let empty = String::new();
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| {
            [
                attr("", 1),
                attr("a", 2),
                attr(&empty, "text"),
                attr("", None::<i64>),
            ]
        })
        .start();
    request.set("", true);
    request.set_all(|| [set.as_attr()]);
    request.event("event", || [attr("", 1), attr("b", 2)]);
    request.end();
    let request = memory.take().remove(0);
    let keys: Vec<_> = request
        .attributes
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys, ["a", "hopline.sampling.rule", "kept"]);
    assert_eq!(request.events[0].attributes, [("b".to_owned(), 2.into())]);
    assert_eq!(request.dropped_attributes, 4);
    assert_eq!(tracer.stats().lost_details, 5);
}

#[test]
fn an_empty_name_is_refused_and_counted() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let empty = String::new();
    let mut request = root(&tracer, "request");
    request.in_scope(|| {
        span("").end();
        SpanBuilder::new(&empty).prefix("GET").start().end();
    });
    request.rename("");
    request.event("", || [attr("lost", 1)]);
    request.fail("");
    request.end();
    let spans = memory.take();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["request", "unnamed", "GET unnamed"]);
    assert_eq!((spans[0].events.len(), spans[0].dropped_events), (0, 1));
    assert_eq!(spans[0].text("error.type"), Some("_OTHER"));
    // two names of spans, one that was to be the request's, and the event
    assert_eq!(tracer.stats().lost_details, 4);
}

#[test]
fn names_keys_and_values_are_cut_between_characters_and_counted() {
    let limits = Limits {
        name_bytes: 4,
        value_bytes: 3,
        ..Limits::default()
    };
    let (tracer, memory) = tracer_with(|builder| builder.limits(limits));
    let long = String::from("abc\u{e9}f");
    let set: AttrSet = [attr(&long, "12345")].into_iter().collect();
    let request = SpanBuilder::new(&long)
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| [set.as_attr()])
        .start();
    request.set("a literal of the program", &["1", "1234"][..]);
    request.event(&long, || [attr(&long, 1)]);
    let child = SpanBuilder::new(&long)
        .prefix("GET")
        .child_of(request.context_ref())
        .start();
    child.rename(&String::from("\u{20ac}\u{20ac}"));
    child.end();
    request.end();
    let spans = memory.take();
    let (request, child) = (&spans[0], &spans[1]);
    assert_eq!(
        (request.name.as_str(), child.name.as_str()),
        ("abc", "\u{20ac}")
    );
    assert_eq!(request.text("abc"), Some("123"));
    assert_eq!(
        request.attribute("a literal of the program"),
        Some(&OwnedValue::Array(vec![text("1"), text("123")]))
    );
    let event = &request.events[0];
    assert_eq!(
        (event.name.as_str(), event.attributes[0].0.as_str()),
        ("abc", "abc")
    );
    // two names of spans and a new one; the set's key and value; a value; an event's name and key; the sampling rule
    assert_eq!(tracer.stats().cut_texts, 9);
    assert_eq!(tracer.stats().lost_details, 0);
}

#[test]
fn by_default_a_name_of_a_megabyte_is_cut_to_half_a_kibibyte() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let long = "x".repeat(1 << 20);
    let request = SpanBuilder::new(&long)
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    request.set(&long, 1);
    request.set(&*Box::leak(long.clone().into_boxed_str()), 2);
    request.end();
    let request = memory.take().remove(0);
    assert_eq!(request.name.len(), 512);
    assert_eq!(request.attribute(&long[..512]), Some(&2.into()));
    assert_eq!(request.attributes.len(), 2, "with the rule that sampled it");
    assert!(tracer.stats().buffer_bytes < 8 << 10);
}

#[test]
fn an_integer_beyond_i64_is_its_decimal_text() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let request = root(&tracer, "request");
    request.set_all(|| {
        [
            attr("u64", u64::MAX),
            attr("u64 small", i64::MAX as u64),
            attr("usize", usize::MAX),
            attr("isize", isize::MIN),
            attr("i8", -1_i8),
            attr("u128", u128::MAX),
            attr("u128 small", 7_u128),
            attr("i128", i128::MIN),
            attr("i128 small", i128::from(i64::MIN)),
            attr("i128 just beyond", i128::from(i64::MIN) - 1),
            attr("u64s", &[1, u64::MAX][..]),
            attr("u64s small", &[1_u64, 2][..]),
            attr("usizes", &[3_usize][..]),
            attr("u128s", &[u128::MAX][..]),
            attr("i128s", &[-1, i128::MIN][..]),
            attr("maybe", Some(u64::MAX)),
        ]
    });
    let set: AttrSet = [attr("in a set", u64::MAX)].into_iter().collect();
    request.set_all(|| [set.as_attr()]);
    request.end();
    let request = memory.take().remove(0);
    let list =
        |values: &[&str]| OwnedValue::Array(values.iter().map(|value| text(value)).collect());
    let (u64_max, u128_max) = (
        "18446744073709551615",
        "340282366920938463463374607431768211455",
    );
    let i128_min = "-170141183460469231731687303715884105728";
    let expected = [
        ("u64", text(u64_max)),
        ("u64 small", i64::MAX.into()),
        ("usize", text(u64_max)),
        ("isize", i64::MIN.into()),
        ("i8", (-1).into()),
        ("u128", text(u128_max)),
        ("u128 small", 7.into()),
        ("i128", text(i128_min)),
        ("i128 small", i64::MIN.into()),
        ("i128 just beyond", text("-9223372036854775809")),
        ("u64s", list(&["1", u64_max])),
        ("u64s small", OwnedValue::Array(vec![1.into(), 2.into()])),
        ("usizes", OwnedValue::Array(vec![3.into()])),
        ("u128s", list(&[u128_max])),
        ("i128s", list(&["-1", i128_min])),
        ("maybe", text(u64_max)),
        ("in a set", text(u64_max)),
    ];
    for (key, value) in expected {
        assert_eq!(request.attribute(key), Some(&value), "{key}");
    }
}

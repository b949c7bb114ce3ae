//! Text of spans cannot forge what is printed of them.

use std::sync::Arc;

use hopline_analysis::{
    Expectations, TreeOptions, latency, repeated_statements, self_check, service_map, traces,
};
use hopline_core::export::{EventData, SpanData, StatusData};
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};

const HOSTILE: &str = "\n✓ all is well\r\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}1A\u{85}\u{2028}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}";

/// One trace that shows its text in every place that any function prints, and breaks the rules that quote it.
fn spans(text: &str) -> Vec<SpanData> {
    let named = |name: &str| format!("{name}{text}");
    let span = |id: u64, parent: u64, name: &str, kind| {
        let trace = TraceId::from_u128(1).unwrap();
        let mut span = SpanData::new(named(name), trace, SpanId::from_u64(id).unwrap());
        (span.parent, span.kind) = (SpanId::from_u64(parent), kind);
        (span.start_unix_nanos, span.end_unix_nanos) = (100 - id, 200 + id);
        span.resource = Arc::new(Resource::new(&named("service")));
        span
    };
    let mut root = span(1, 0, "root", SpanKind::Server);
    let mut second = span(2, 0, "second", SpanKind::Internal);
    second.resource = Arc::new(Resource::new(&named("other")));
    let mut call = span(3, 1, "GET", SpanKind::Client);
    let mut published = span(4, 1, "", SpanKind::Producer);
    published.name = "publish.message".to_owned();
    let orphan = span(5, 77, "orphan", SpanKind::Consumer);
    let mut queries: Vec<SpanData> = (10..14)
        .map(|id| span(id, 1, "", SpanKind::Client))
        .collect();
    let set = |span: &mut SpanData, key: &str| {
        span.attributes
            .push((key.to_owned(), named(key).as_str().into()));
    };
    for query in &mut queries {
        query.name = "db.query".to_owned();
        for key in [
            "db.system.name",
            "db.namespace",
            "db.query.summary",
            "db.query.text",
        ] {
            set(query, key);
        }
    }
    for key in [
        "server.address",
        "error.type",
        "retry_count",
        "url.full",
        "url.template",
        "server.port",
    ] {
        set(&mut call, key);
    }
    call.status = StatusData::Error {
        message: named("message"),
    };
    set(&mut published, "messaging.destination.name");
    set(&mut root, "chosen");
    root.attributes
        .push((format!("{text}password"), "of a user".into()));
    root.attributes.push((
        "list".to_owned(),
        hopline_core::export::OwnedValue::Array(vec![named("a").as_str().into()]),
    ));
    root.events.push(EventData {
        name: named("event"),
        time_unix_nanos: 1,
        attributes: vec![(named("key"), named("value").as_str().into())],
    });
    root.links.push(hopline_core::export::LinkData {
        span_context: SpanContext::new(
            TraceId::from_u128(2).unwrap(),
            SpanId::from_u64(2).unwrap(),
            TraceFlags::SAMPLED,
        ),
    });
    let mut all = vec![root, second, call, published, orphan];
    all.extend(queries);
    all
}

fn printed(spans: &[SpanData]) -> [String; 7] {
    let tree = |options: &TreeOptions| traces(spans)[0].tree(options);
    let expected = Expectations::new()
        .max_repeats(2)
        .attribute("missing")
        .requests(7);
    let repeated = repeated_statements(spans, 2);
    [
        tree(&TreeOptions::default()),
        tree(&TreeOptions::default().width(2000)),
        tree(
            &TreeOptions::snapshot()
                .attribute("chosen")
                .attribute("list"),
        ),
        latency(spans).to_string(),
        service_map(spans).to_string(),
        self_check(spans, &expected).to_string(),
        repeated.iter().map(|found| format!("{found}\n")).collect(),
    ]
}

#[test]
fn text_of_spans_forges_no_line_anywhere() {
    let (plain, hostile) = (printed(&spans("")), printed(&spans(HOSTILE)));
    for (plain, hostile) in plain.iter().zip(&hostile) {
        let raw = |c: char| c != '\n' && HOSTILE.contains(c) && !" ✓[]0;t1AJ2aliswe".contains(c);
        assert!(!hostile.contains(raw), "{hostile:?}");
        assert_eq!(plain.lines().count(), hostile.lines().count(), "{hostile}");
        assert!(hostile.contains(r"\n✓ all is well\r"), "{hostile}");
    }
}

#[test]
fn a_long_text_is_cut_where_it_is_printed() {
    for printed in printed(&spans(&"x".repeat(20_000))) {
        let longest = printed.lines().map(str::len).max();
        assert!(longest < Some(4000), "{longest:?}");
    }
}

//! The store's bounds and counters under any input.

use hopline_core::SpanId;
use hopline_core::export::{OwnedValue, StatusData};
use proptest::prelude::*;

use super::*;

fn id(number: u64) -> TraceId {
    TraceId::from_u128(u128::from(number) + 1).unwrap()
}

fn span(trace: u64, number: u64) -> SpanData {
    let mut span = SpanData::new("GET /", id(trace), SpanId::from_u64(number + 1).unwrap());
    (span.start_unix_nanos, span.end_unix_nanos) = (number, number + 10);
    span
}

fn failed(mut span: SpanData) -> SpanData {
    span.status = StatusData::Error {
        message: "broken".into(),
    };
    span
}

#[derive(Clone, Debug)]
enum Step {
    Spans(Vec<SpanData>),
    Log(u64, String),
    Pin(u64, bool),
    Open(Vec<SpanData>),
    Clear,
}

fn any_span() -> impl Strategy<Value = SpanData> {
    let attributes = prop::collection::vec(("[a-c]{1,3}", "[a-z]{0,300}"), 0..8);
    (
        0..40u64,
        0..30u64,
        prop::option::of(0..30u64),
        any::<bool>(),
        attributes,
    )
        .prop_map(|(trace, number, parent, is_error, attributes)| {
            let mut span = span(trace, number);
            span.parent = parent.and_then(SpanId::from_u64);
            span.attributes = attributes
                .into_iter()
                .map(|(key, value)| (key, OwnedValue::Text(value)))
                .collect();
            if is_error { failed(span) } else { span }
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(any_span(), 1..20).prop_map(Step::Spans),
        2 => (0..40u64, "[a-z ]{0,200}").prop_map(|(trace, body)| Step::Log(trace, body)),
        1 => (0..40u64, any::<bool>()).prop_map(|(trace, is_pinned)| Step::Pin(trace, is_pinned)),
        1 => prop::collection::vec(any_span(), 0..5).prop_map(Step::Open),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_bounds_hold_and_the_counters_add_up(steps in prop::collection::vec(step(), 1..24)) {
        let limits = ViewLimits::default().bytes(60_000).traces(15).spans_per_trace(12);
        let mut store = Store::new(limits);
        for step in steps {
            match step {
                Step::Spans(spans) => store.add_spans(&spans, 0),
                Step::Log(trace, body) => {
                    let log = LogData { trace_id: Some(id(trace)), body, ..LogData::default() };
                    store.add_logs(&[log]);
                }
                Step::Pin(trace, is_pinned) => {
                    store.pin(id(trace), is_pinned);
                }
                Step::Open(spans) => {
                    let running = spans.into_iter().map(|span| Running { span, is_open: true });
                    store.set_open(running.collect());
                }
                Step::Clear => store.clear(),
            }
            let counts = store.counts();
            prop_assert!(counts.bytes <= 60_000, "{}", counts.bytes);
            prop_assert!(counts.traces <= 15);
            let held: usize = store.newest_first().map(|entry| entry.spans.len()).sum();
            prop_assert_eq!(counts.spans, held);
            let lost: u64 = counts.evicted.iter().filter(|lost| lost.reason != "logs").map(|lost| lost.spans).sum();
            prop_assert_eq!(counts.received.spans, held as u64 + lost + counts.merged);
            let lost: u64 = counts.evicted.iter().filter(|lost| lost.reason == "logs").map(|lost| lost.spans).sum();
            prop_assert_eq!(counts.received.logs, counts.logs as u64 + lost);
            let ordered: usize = store.order.iter().map(BTreeMap::len).sum();
            prop_assert_eq!(ordered, store.traces.len());
        }
        // nothing is counted any more when nothing is held
        for trace in 0..40 {
            store.pin(id(trace), false);
        }
        store.set_open(Vec::new());
        store.clear();
        prop_assert_eq!(store.bytes(), 0);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(spans in prop::collection::vec(any_span(), 1..30), seed in any::<u64>()) {
        let mut unique: Vec<SpanData> = Vec::new();
        for span in spans {
            if !unique.iter().any(|known| known.trace_id == span.trace_id && known.span_id == span.span_id) {
                unique.push(span);
            }
        }
        let mut shuffled = unique.clone();
        shuffled.sort_by_key(|span| (span.span_id.to_u64() ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let trees = |spans: &[SpanData]| {
            let mut store = Store::new(ViewLimits::default());
            store.add_spans(spans, 0);
            let mut trees: Vec<String> = store
                .newest_first()
                .flat_map(|entry| {
                    let spans = entry.to_spans();
                    hopline_analysis::traces(&spans).iter().map(|trace| trace.tree(&Default::default())).collect::<Vec<_>>()
                })
                .collect();
            trees.sort();
            trees
        };
        prop_assert_eq!(trees(&unique), trees(&shuffled));
    }
}

#[test]
fn failed_traces_go_after_plain_ones_and_pinned_ones_last() {
    let mut store = Store::new(ViewLimits::default().traces(3));
    store.add_spans(&[span(1, 0), failed(span(2, 0)), span(3, 0)], 0);
    assert!(store.pin(id(1), true));
    store.add_spans(
        &[
            span(4, 0),
            span(5, 0),
            failed(span(6, 0)),
            failed(span(7, 0)),
        ],
        0,
    );
    let mut held: Vec<u128> = store
        .newest_first()
        .map(|entry| entry.id.to_u128() - 1)
        .collect();
    held.sort_unstable();
    assert_eq!(held, [1, 6, 7]);
    let counts = store.counts();
    assert_eq!(counts.evicted[Reason::Traces as usize].traces, 4);
}

#[test]
fn spans_beyond_the_limit_of_a_trace_are_counted() {
    let mut store = Store::new(ViewLimits::default().spans_per_trace(2));
    store.add_spans(&[span(1, 0), span(1, 1), span(1, 2), span(1, 3)], 0);
    let entry = store.trace(id(1)).unwrap();
    assert_eq!((entry.spans.len(), entry.cut), (2, 2));
    assert!(entry.is_incomplete());
}

#[test]
fn a_trace_that_does_not_fit_alone_is_let_go_of() {
    let mut store = Store::new(ViewLimits::default().bytes(5_000));
    let mut large = span(1, 0);
    large
        .attributes
        .push(("text".into(), OwnedValue::Text("x".repeat(10_000))));
    store.add_spans(&[large], 0);
    assert_eq!(
        (
            store.bytes(),
            store.counts().evicted[Reason::Bytes as usize].traces
        ),
        (0, 1)
    );
}

#[test]
fn a_second_record_of_a_span_is_merged() {
    let mut store = Store::new(ViewLimits::default());
    let mut started = span(1, 0);
    started.end_unix_nanos = started.start_unix_nanos;
    let mut ended = failed(span(1, 0));
    ended.end_unix_nanos = 500;
    ended.attributes.push(("k".into(), 1.into()));
    store.add_spans(&[started, ended], 0);
    let spans = store.trace(id(1)).unwrap().to_spans();
    assert_eq!(spans.len(), 1);
    assert!(
        spans[0].is_error() && spans[0].end_unix_nanos == 500 && spans[0].attribute("k").is_some()
    );
    assert_eq!(store.counts().merged, 1);
}

#[test]
fn long_values_are_cut_and_secrets_masked() {
    let mut store = Store::new(ViewLimits::default());
    let mut span = span(1, 0);
    span.attributes
        .push(("text".into(), OwnedValue::Text("é".repeat(20_000))));
    span.attributes.push((
        "http.request.header.authorization".into(),
        "Basic dTpw".into(),
    ));
    store.add_spans(&[span], 0);
    let span = &store.trace(id(1)).unwrap().to_spans()[0];
    assert_eq!(span.text("text").unwrap().len(), 16 << 10);
    assert_eq!(
        span.text("http.request.header.authorization"),
        Some("REDACTED")
    );
    let counts = store.counts();
    assert_eq!((counts.cut_values, counts.masked), (1, 1));
}

#[test]
fn running_spans_are_cut_and_masked_as_stored_ones_are() {
    let mut store = Store::new(ViewLimits::default());
    let mut span = span(1, 0);
    let secret = |key: &str| (key.to_owned(), OwnedValue::Text("hunter2".into()));
    span.attributes = vec![
        secret("app.password"),
        ("text".into(), OwnedValue::Text("é".repeat(20_000))),
    ];
    span.attributes.push((
        "tokens.token".into(),
        OwnedValue::Array(vec!["hunter2".into()]),
    ));
    span.status = StatusData::Error {
        message: "Bearer hunter2.hunter2".into(),
    };
    span.resource = Arc::new(Resource::new("orders").with("db.password", "hunter2"));
    store.set_open(vec![Running {
        span,
        is_open: true,
    }]);
    let shown = store.trace(id(1)).unwrap().to_spans();
    assert_eq!(shown[0].text("text").unwrap().len(), 16 << 10);
    assert_eq!(shown[0].text("app.password"), Some("REDACTED"));
    assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
}

#[test]
fn readers_that_follow_learn_of_what_is_gone() {
    let mut store = Store::new(ViewLimits::default().traces(1));
    store.add_spans(&[span(1, 0)], 0);
    let seen = store.seq();
    store.add_spans(&[span(2, 0)], 0);
    assert_eq!(store.gone_since(seen), Some(vec![id(1)]));
    assert_eq!(store.changed_since(seen).len(), 1);
    assert_eq!(store.gone_since(store.seq()), Some(Vec::new()));
    assert_eq!(
        store.gone_since(store.seq() + 1),
        None,
        "the number of another run"
    );
}

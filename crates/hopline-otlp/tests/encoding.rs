//! Encodings equal the recorded spans: checked against the generated OTLP types and back through the decoder.

use std::collections::HashSet;
use std::sync::Arc;

use hopline_core::export::OwnedValue;
use hopline_core::{Batch, Incoming, InstrumentationScope, Limits, SpanBuilder, Tracer, attr};
use hopline_otlp::{decode_json, encode_json, encode_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use hopline_test_support::otlp::{Plan, link, plan, record_one, resource};
use hopline_test_support::otlp::{assert_request, expected};
use hopline_test_support::sinks::KeptBatches;

/// Records the planned spans with a real tracer.
fn record(plans: &[Plan]) -> Vec<Arc<Batch>> {
    let keep = KeptBatches::default();
    let tracer = Tracer::builder()
        .resource(resource())
        .sink(keep.clone())
        .build();
    plans.iter().for_each(|plan| record_one(&tracer, plan));
    keep.batches()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_equals_the_recorded_spans(plans in prop::collection::vec(plan(), 0..6)) {
        let batches = record(&plans);
        let spans = expected(&batches);
        prop_assert_eq!(spans.len(), plans.iter().map(|plan| 1 + usize::from(plan.children)).sum::<usize>());

        let bytes = encode_protobuf(&batches);
        let decoded = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        assert_request(&decoded, &spans);
        // every length in its shortest form, and nothing written that is a default
        prop_assert_eq!(decoded.encoded_len(), bytes.len());

        let line = encode_json(&batches);
        prop_assert!(!line.contains('\n'));
        assert_request(&serde_json::from_str(&line).unwrap(), &spans);
        prop_assert_eq!(decode_json(&line).unwrap(), spans);
    }

    #[test]
    fn the_decoder_reads_what_others_write(plans in prop::collection::vec(plan(), 1..4)) {
        let batches = record(&plans);
        let request = ExportTraceServiceRequest::decode(encode_protobuf(&batches).as_slice()).unwrap();
        let theirs = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(decode_json(&theirs).unwrap(), expected(&batches));
    }

    #[test]
    fn no_text_makes_the_decoder_panic(plans in prop::collection::vec(plan(), 1..3), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let line = encode_json(&record(&plans));
        let characters: Vec<char> = line.chars().collect();
        let at = at.index(characters.len());
        let head: String = characters[..at].iter().collect();
        prop_assert!(decode_json(&head).unwrap_err().is_syntax());
        let tail: String = characters[at + 1..].iter().collect();
        let _ = decode_json(&format!("{head}{with}{tail}"));
    }
}

#[test]
fn numbers_that_json_lacks_are_read_back() {
    let keep = KeptBatches::default();
    let tracer = Tracer::builder().sink(keep.clone()).build();
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    SpanBuilder::new("numbers")
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| [attr("all", numbers.as_slice())])
        .start()
        .end();
    let spans = decode_json(&encode_json(&keep.batches())).unwrap();
    let Some(OwnedValue::Array(read)) = spans[0].attribute("all") else {
        panic!("{spans:?}")
    };
    assert!(read[0].as_f64().unwrap().is_nan());
    assert_eq!(
        &read[1..],
        [
            OwnedValue::F64(f64::INFINITY),
            OwnedValue::F64(f64::NEG_INFINITY)
        ]
    );
}

#[test]
fn losses_to_a_limit_are_counted() {
    let keep = KeptBatches::default();
    let limits = Limits {
        attributes_per_span: 1,
        events_per_span: 1,
        attributes_per_event: 2,
        links_per_span: 1,
        ..Limits::default()
    };
    let tracer = Tracer::builder().limits(limits).sink(keep.clone()).build();
    let span = SpanBuilder::new("much")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    for number in 0..3 {
        span.set(&format!("key{number}"), number);
        span.event("event", || [attr("a", 1), attr("b", 2), attr("c", 3)]);
        span.link(&link(1, 1, false));
    }
    span.end();
    let batches = keep.batches();
    let spans = expected(&batches);
    assert_eq!(
        [
            spans[0].dropped_attributes,
            spans[0].dropped_events,
            spans[0].dropped_links
        ],
        [2, 2, 2]
    );
    let binary = ExportTraceServiceRequest::decode(encode_protobuf(&batches).as_slice()).unwrap();
    let text = serde_json::from_str(&encode_json(&batches)).unwrap();
    for request in [&binary, &text] {
        assert_request(request, &spans);
        let event = &request.resource_spans[0].scope_spans[0].spans[0].events[0];
        assert_eq!(
            (event.attributes.len(), event.dropped_attributes_count),
            (2, 1)
        );
    }
    assert_eq!(decode_json(&encode_json(&batches)).unwrap(), spans);
}

#[test]
fn spans_are_grouped_by_scope_and_each_appears_once() {
    static AXUM: InstrumentationScope = InstrumentationScope::new("hopline-axum", "1.2.3");
    static SQLX: InstrumentationScope = InstrumentationScope::new("hopline-sqlx", "4.5.6");
    static LAPIN: InstrumentationScope = InstrumentationScope::new("hopline-lapin", "");
    let keep = KeptBatches::default();
    let tracer = Tracer::builder().sink(keep.clone()).build();
    for _ in 0..2 {
        let request = SpanBuilder::new("request").scope(&AXUM);
        let mut request = request.tracer(&tracer).parent(Incoming::default()).start();
        request.in_scope(|| {
            let query = || SpanBuilder::new("query").scope(&SQLX).start();
            query().end();
            SpanBuilder::new("work").start().end();
            SpanBuilder::new("publish").scope(&LAPIN).start().end();
            query().end();
        });
        request.end();
    }
    let batches = keep.batches();
    let binary = ExportTraceServiceRequest::decode(encode_protobuf(&batches).as_slice()).unwrap();
    let text: ExportTraceServiceRequest = serde_json::from_str(&encode_json(&batches)).unwrap();
    assert_eq!(binary, text);
    let groups = &binary.resource_spans[..];
    assert_eq!(groups.len(), 1);
    let printed: Vec<_> = groups[0]
        .scope_spans
        .iter()
        .map(|group| {
            let scope = group.scope.as_ref().unwrap();
            let names: Vec<_> = group.spans.iter().map(|span| span.name.as_str()).collect();
            (scope.name.as_str(), scope.version.as_str(), names)
        })
        .collect();
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(
        printed,
        [
            ("hopline-axum", "1.2.3", vec!["request"; 2]),
            ("hopline-sqlx", "4.5.6", vec!["query"; 4]),
            ("hopline", own, vec!["work"; 2]),
            ("hopline-lapin", "", vec!["publish"; 2]),
        ]
    );
    let ids = groups[0].scope_spans.iter().flat_map(|group| &group.spans);
    let ids: HashSet<_> = ids.map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), 10, "no span twice");
    let decoded = decode_json(&encode_json(&batches)).unwrap();
    assert_eq!(decoded, expected(&batches));
}

#[test]
fn each_resource_is_described_once_for_its_neighbours() {
    let (one, two) = (KeptBatches::default(), KeptBatches::default());
    for (service, keep) in [("one", &one), ("two", &two)] {
        let tracer = Tracer::builder()
            .service(service)
            .sink(keep.clone())
            .build();
        for _ in 0..2 {
            SpanBuilder::new("span")
                .tracer(&tracer)
                .parent(Incoming::default())
                .start()
                .end();
        }
    }
    let batches = [one.batches(), two.batches()].concat();
    assert_eq!(batches.len(), 4);
    let request = ExportTraceServiceRequest::decode(encode_protobuf(&batches).as_slice()).unwrap();
    assert_eq!(request.resource_spans.len(), 2);
    let services: Vec<_> = decode_json(&encode_json(&batches))
        .unwrap()
        .iter()
        .map(|s| s.service().to_owned())
        .collect();
    assert_eq!(services, ["one", "one", "two", "two"]);
}

//! What is encoded says what was recorded: checked against the generated OTLP types and back through the decoder.

mod support;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hopline_core::{
    Baggage, Batch, Incoming, Kind, Limits, OwnedValue, Resource, SpanBuilder, SpanContext,
    SpanData, StatusData, TraceState, Tracer, attr, no_attrs,
};
use hopline_otlp::{decode_json, encode_json, encode_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use proptest::prelude::*;
use prost::Message as _;

use support::Keep;

#[derive(Clone, Debug)]
enum Given {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(String),
    Bools(Vec<bool>),
    I64s(Vec<i64>),
    F64s(Vec<f64>),
    Texts(Vec<String>),
}

#[derive(Clone, Debug)]
struct Plan {
    name: String,
    kind: Kind,
    remote_parent: bool,
    state: Option<String>,
    start: u64,
    attributes: Vec<(String, Given)>,
    events: Vec<(String, Vec<(String, Given)>)>,
    links: Vec<(u128, u64, bool)>,
    error: Option<String>,
    children: u8,
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| if number.is_finite() { number } else { -0.0 })
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        any::<bool>().prop_map(Given::Bool),
        any::<i64>().prop_map(Given::I64),
        finite().prop_map(Given::F64),
        any::<String>().prop_map(Given::Text),
        "[a-z]{120,140}".prop_map(Given::Text),
        prop::collection::vec(any::<bool>(), 0..4).prop_map(Given::Bools),
        prop::collection::vec(any::<i64>(), 0..40).prop_map(Given::I64s),
        prop::collection::vec(finite(), 0..4).prop_map(Given::F64s),
        prop::collection::vec(any::<String>(), 0..4).prop_map(Given::Texts),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(String, Given)>> {
    // few keys, so that some come twice
    prop::collection::vec(("[a-d]{1,2}", given()), 0..8)
}

fn plan() -> impl Strategy<Value = Plan> {
    let kinds = [
        Kind::Internal,
        Kind::Server,
        Kind::Client,
        Kind::Producer,
        Kind::Consumer,
    ];
    let state = prop::option::of("[a-z]{1,5}=[a-z0-9]{1,9}");
    let parts = (
        any::<String>(),
        prop::sample::select(kinds.to_vec()),
        any::<bool>(),
        state,
        0..u64::from(u32::MAX) * 1_000_000_000,
        attributes(),
        prop::collection::vec((any::<String>(), attributes()), 0..3),
        prop::collection::vec((1..u128::MAX, 1..u64::MAX, any::<bool>()), 0..3),
        prop::option::of(any::<String>()),
        0..3u8,
    );
    parts.prop_map(
        |(name, kind, remote_parent, state, start, attributes, events, links, error, children)| {
            Plan {
                name,
                kind,
                remote_parent,
                state,
                start,
                attributes,
                events,
                links,
                error,
                children,
            }
        },
    )
}

/// Calls back with the attributes in the form the tracer takes them.
fn with_attributes<R>(
    given: &[(String, Given)],
    with: impl FnOnce(Vec<hopline_core::Attr<'_>>) -> R,
) -> R {
    let texts = |value: &Given| match value {
        Given::Texts(texts) => texts.clone(),
        _ => Vec::new(),
    };
    let owned: Vec<Vec<String>> = given.iter().map(|(_, value)| texts(value)).collect();
    let borrowed: Vec<Vec<&str>> = owned
        .iter()
        .map(|texts| texts.iter().map(String::as_str).collect())
        .collect();
    let pairs = given.iter().zip(&borrowed);
    let attrs = pairs.map(|((key, value), texts)| match value {
        Given::Bool(value) => attr(key, *value),
        Given::I64(value) => attr(key, *value),
        Given::F64(value) => attr(key, *value),
        Given::Text(value) => attr(key, value),
        Given::Bools(value) => attr(key, value.as_slice()),
        Given::I64s(value) => attr(key, value.as_slice()),
        Given::F64s(value) => attr(key, value.as_slice()),
        Given::Texts(_) => attr(key, texts.as_slice()),
    });
    with(attrs.collect())
}

/// Records what the plan says by a real tracer.
fn record(plans: &[Plan]) -> Vec<Arc<Batch>> {
    let keep = Keep::default();
    let resource = Resource::new("orders")
        .with("host.cpus", 4)
        .with("ok", true)
        .with("tags", list(&["a", "b"]));
    let tracer = Tracer::builder()
        .resource(resource)
        .sink(keep.clone())
        .build();
    plans.iter().for_each(|plan| record_one(&tracer, plan));
    keep.batches()
}

fn list(texts: &[&str]) -> OwnedValue {
    OwnedValue::Array(texts.iter().map(|text| (*text).into()).collect())
}

fn record_one(tracer: &Tracer, plan: &Plan) {
    let state = plan
        .state
        .as_deref()
        .map(|state| TraceState::parse([state]).unwrap())
        .unwrap_or_default();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
        .parse::<SpanContext>()
        .unwrap();
    let parent = plan.remote_parent.then(|| parent.with_tracestate(state));
    let links: Vec<SpanContext> = plan
        .links
        .iter()
        .map(|(trace, span, remote)| link(*trace, *span, *remote))
        .collect();
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(plan.start);
    let root = with_attributes(&plan.attributes, |attributes| {
        SpanBuilder::new(&plan.name)
            .kind(plan.kind)
            .start_time(start)
            .links(&links)
            .start_root(
                Some(tracer),
                Incoming {
                    parent,
                    baggage: Baggage::default(),
                },
                || attributes,
            )
    });
    for (name, attributes) in &plan.events {
        with_attributes(attributes, |attributes| root.event(name, || attributes));
    }
    for _ in 0..plan.children {
        let child = SpanBuilder::new("child").start_in(root.context_ref(), None, no_attrs);
        child.set("child", true);
        child.end_at(start + Duration::from_micros(5));
    }
    if let Some(message) = &plan.error {
        root.fail_with("refused", message);
    }
    root.end_at(start + Duration::from_millis(3));
}

fn link(trace: u128, span: u64, remote: bool) -> SpanContext {
    let text = format!("00-{trace:032x}-{span:016x}-01");
    let parsed: SpanContext = text.parse().unwrap();
    if remote {
        parsed
    } else {
        SpanContext::new(parsed.trace_id(), parsed.span_id(), parsed.flags())
    }
}

fn expected(batches: &[Arc<Batch>]) -> Vec<SpanData> {
    let mut spans: Vec<SpanData> = batches.iter().flat_map(|batch| batch.to_spans()).collect();
    for event in spans.iter_mut().flat_map(|span| &mut span.events) {
        // of a key given twice the last value counts
        let given = std::mem::take(&mut event.attributes);
        let last = |at: usize, key: &str| given[at + 1..].iter().all(|(later, _)| later != key);
        let unique = given
            .iter()
            .enumerate()
            .filter(|(at, (key, _))| last(*at, key));
        event.attributes = unique.map(|(_, pair)| pair.clone()).collect();
    }
    spans
}

/// Compares a request, however it was encoded, with what the tracer recorded, field by field.
fn assert_says(request: &ExportTraceServiceRequest, spans: &[SpanData]) {
    let mut found = Vec::new();
    for group in &request.resource_spans {
        let resource = group.resource.as_ref().unwrap();
        let scope = group.scope_spans[0].scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("hopline", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(group.scope_spans.len(), 1);
        found.extend(
            group.scope_spans[0]
                .spans
                .iter()
                .map(|span| (resource, span)),
        );
    }
    assert_eq!(found.len(), spans.len());
    for ((resource, proto), data) in found.into_iter().zip(spans) {
        let attributes: Vec<_> = data
            .resource
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        assert_attributes(&resource.attributes, &attributes);
        assert_span(proto, data);
    }
}

fn assert_span(proto: &ProtoSpan, data: &SpanData) {
    assert_eq!(proto.trace_id, data.trace_id.to_bytes());
    assert_eq!(proto.span_id, data.span_id.to_bytes());
    assert_eq!(proto.trace_state, data.tracestate.to_string());
    assert_eq!(
        proto.parent_span_id,
        data.parent
            .map(|id| id.to_bytes().to_vec())
            .unwrap_or_default()
    );
    let remote = if data.parent_is_remote { 0x200 } else { 0 };
    assert_eq!(proto.flags, u32::from(data.flags.bits()) | 0x100 | remote);
    assert_eq!(proto.name, data.name);
    let kinds = [
        Kind::Internal,
        Kind::Server,
        Kind::Client,
        Kind::Producer,
        Kind::Consumer,
    ];
    assert_eq!(kinds[proto.kind as usize - 1], data.kind);
    assert_eq!(
        (proto.start_time_unix_nano, proto.end_time_unix_nano),
        (data.start_unix_nanos, data.end_unix_nanos)
    );
    assert_attributes(&proto.attributes, &data.attributes);
    assert_eq!(proto.dropped_attributes_count, data.dropped_attributes);
    assert_eq!(proto.dropped_events_count, data.dropped_events);
    assert_eq!(proto.dropped_links_count, data.dropped_links);
    assert_eq!(proto.events.len(), data.events.len());
    for (proto, data) in proto.events.iter().zip(&data.events) {
        assert_eq!(
            (proto.name.as_str(), proto.time_unix_nano),
            (data.name.as_str(), data.time_unix_nanos)
        );
        assert_attributes(&proto.attributes, &data.attributes);
    }
    assert_eq!(proto.links.len(), data.links.len());
    for (proto, data) in proto.links.iter().zip(&data.links) {
        let to = &data.span_context;
        assert_eq!(proto.trace_id, to.trace_id().to_bytes());
        assert_eq!(proto.span_id, to.span_id().to_bytes());
        assert_eq!(proto.trace_state, to.tracestate().to_string());
        let remote = if to.is_remote() { 0x200 } else { 0 };
        assert_eq!(proto.flags, u32::from(to.flags().bits()) | 0x100 | remote);
    }
    match (&proto.status, &data.status) {
        (None, StatusData::Unset) => {}
        (Some(proto), StatusData::Error { message }) => {
            assert_eq!((proto.code, &proto.message), (2, message))
        }
        (proto, data) => panic!("{proto:?} for {data:?}"),
    }
}

fn assert_attributes(proto: &[KeyValue], data: &[(String, OwnedValue)]) {
    assert_eq!(proto.len(), data.len());
    for (proto, (key, value)) in proto.iter().zip(data) {
        assert_eq!(&proto.key, key);
        assert_value(proto.value.as_ref().unwrap().value.as_ref().unwrap(), value);
    }
}

fn assert_value(proto: &Value, data: &OwnedValue) {
    match (proto, data) {
        (Value::BoolValue(proto), OwnedValue::Bool(data)) => assert_eq!(proto, data),
        (Value::IntValue(proto), OwnedValue::I64(data)) => assert_eq!(proto, data),
        (Value::DoubleValue(proto), OwnedValue::F64(data)) => {
            assert_eq!(proto.to_bits(), data.to_bits())
        }
        (Value::StringValue(proto), OwnedValue::Text(data)) => assert_eq!(proto, data),
        (Value::ArrayValue(proto), OwnedValue::Array(data)) => {
            assert_eq!(proto.values.len(), data.len());
            for (proto, data) in proto.values.iter().zip(data) {
                assert_value(proto.value.as_ref().unwrap(), data);
            }
        }
        (proto, data) => panic!("{proto:?} for {data:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_says_what_was_recorded(plans in prop::collection::vec(plan(), 0..6)) {
        let batches = record(&plans);
        let spans = expected(&batches);
        prop_assert_eq!(spans.len(), plans.iter().map(|plan| 1 + usize::from(plan.children)).sum::<usize>());

        let bytes = encode_protobuf(&batches);
        let decoded = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        assert_says(&decoded, &spans);
        // every length in its shortest form, and nothing written that is a default
        prop_assert_eq!(decoded.encoded_len(), bytes.len());

        let line = encode_json(&batches);
        prop_assert!(!line.contains('\n'));
        assert_says(&serde_json::from_str(&line).unwrap(), &spans);
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
fn what_json_cannot_say_comes_back() {
    let keep = Keep::default();
    let tracer = Tracer::builder().sink(keep.clone()).build();
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    SpanBuilder::new("numbers")
        .start_root(Some(&tracer), Incoming::default(), || {
            [attr("all", numbers.as_slice())]
        })
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
fn what_a_limit_cost_is_said() {
    let keep = Keep::default();
    let limits = Limits {
        attributes_per_span: 1,
        events_per_span: 1,
        links_per_span: 1,
        ..Limits::default()
    };
    let tracer = Tracer::builder().limits(limits).sink(keep.clone()).build();
    let span = SpanBuilder::new("much").start_root(Some(&tracer), Incoming::default(), no_attrs);
    for number in 0..3 {
        span.set(&format!("key{number}"), number);
        span.event("event", no_attrs);
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
    assert_says(
        &ExportTraceServiceRequest::decode(encode_protobuf(&batches).as_slice()).unwrap(),
        &spans,
    );
    assert_eq!(decode_json(&encode_json(&batches)).unwrap(), spans);
}

#[test]
fn each_resource_is_described_once_for_its_neighbours() {
    let (one, two) = (Keep::default(), Keep::default());
    for (service, keep) in [("one", &one), ("two", &two)] {
        support::record_many(
            &Tracer::builder()
                .service(service)
                .sink(keep.clone())
                .build(),
            2,
        );
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

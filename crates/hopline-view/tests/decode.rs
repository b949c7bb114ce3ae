//! The decoder against the types that are generated from OTLP's definition.

use hopline_core::SpanKind;
use hopline_core::export::{OwnedValue, SpanData};
use hopline_view::decode::{Signal, json, protobuf};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::prelude::*;
use prost::Message as _;

fn any_value() -> impl Strategy<Value = AnyValue> {
    let flat = prop_oneof![
        "\\PC{0,12}".prop_map(any_value::Value::StringValue),
        any::<bool>().prop_map(any_value::Value::BoolValue),
        any::<i64>().prop_map(any_value::Value::IntValue),
        (-1e9..1e9f64).prop_map(any_value::Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(any_value::Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    flat.prop_recursive(2, 8, 4, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..4)
            .prop_map(|values| any_value::Value::ArrayValue(ArrayValue { values }));
        let map = pairs_of(inner)
            .prop_map(|values| any_value::Value::KvlistValue(KeyValueList { values }));
        prop_oneof![array, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn pairs_of(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = Vec<KeyValue>> {
    // few keys, so that some are in a list twice
    let pair = ("[a-d.]{1,2}", value).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(value),
        ..KeyValue::default()
    });
    prop::collection::vec(pair, 0..5)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    pairs_of(any_value())
}

fn spans() -> impl Strategy<Value = Span> {
    let ids = (1..=u128::MAX, 1..=u64::MAX, any::<u64>());
    let times = (any::<u64>(), any::<u64>());
    (
        ids,
        times,
        "\\PC{0,20}",
        0..6i32,
        attributes(),
        0..3i32,
        "\\PC{0,9}",
        any::<u32>(),
    )
        .prop_map(
            |(
                (trace, id, parent),
                (start, end),
                name,
                kind,
                attributes,
                code,
                message,
                dropped,
            )| Span {
                trace_id: trace.to_be_bytes().to_vec(),
                span_id: id.to_be_bytes().to_vec(),
                parent_span_id: parent.to_be_bytes().to_vec(),
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                events: vec![span::Event {
                    time_unix_nano: end,
                    name: message.clone(),
                    attributes: attributes.clone(),
                    dropped_attributes_count: 0,
                }],
                attributes,
                status: Some(Status { message, code }),
                dropped_attributes_count: dropped,
                ..Span::default()
            },
        )
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn value(value: &AnyValue) -> OwnedValue {
    match value.value.as_ref().unwrap() {
        any_value::Value::StringValue(text) => OwnedValue::Text(text.clone()),
        any_value::Value::BoolValue(truth) => OwnedValue::Bool(*truth),
        any_value::Value::IntValue(number) => OwnedValue::I64(*number),
        any_value::Value::DoubleValue(number) => OwnedValue::F64(*number),
        any_value::Value::ArrayValue(array) => {
            OwnedValue::Array(array.values.iter().map(self::value).collect())
        }
        // base64 is compared with that of the JSON of the generated types
        any_value::Value::BytesValue(_) | any_value::Value::KvlistValue(_) => {
            let text = serde_json::to_value(value).unwrap();
            OwnedValue::Text(match text.get("bytesValue") {
                Some(bytes) => bytes.as_str().unwrap().to_owned(),
                None => plain(value).to_string(),
            })
        }
        _ => unreachable!("not generated"),
    }
}

/// A value as the JSON that a reader expects of it.
fn plain(value: &AnyValue) -> serde_json::Value {
    match value.value.as_ref().unwrap() {
        any_value::Value::KvlistValue(map) => {
            let pair = |pair: &KeyValue| (pair.key.clone(), plain(pair.value.as_ref().unwrap()));
            map.values.iter().map(pair).collect()
        }
        any_value::Value::ArrayValue(array) => array.values.iter().map(plain).collect(),
        _ => match self::value(value) {
            OwnedValue::Text(text) => text.into(),
            OwnedValue::Bool(truth) => truth.into(),
            OwnedValue::I64(number) => number.into(),
            OwnedValue::F64(number) => number.into(),
            other => unreachable!("{other:?}"),
        },
    }
}

/// The last of several attributes with one key, in the place of the first.
fn pairs(attributes: &[KeyValue]) -> Vec<(String, OwnedValue)> {
    let mut pairs: Vec<(String, OwnedValue)> = Vec::new();
    for pair in attributes {
        let value = value(pair.value.as_ref().unwrap());
        match pairs.iter_mut().find(|(key, _)| *key == pair.key) {
            Some((_, old)) => *old = value,
            None => pairs.push((pair.key.clone(), value)),
        }
    }
    pairs
}

fn compare(sent: &Span, read: &SpanData) {
    assert_eq!(sent.trace_id, read.trace_id.to_bytes());
    assert_eq!(sent.span_id, read.span_id.to_bytes());
    let parent = read.parent.map_or([0; 8], |parent| parent.to_bytes());
    assert_eq!(sent.parent_span_id, parent);
    assert_eq!(
        (
            &sent.name,
            sent.start_time_unix_nano,
            sent.end_time_unix_nano
        ),
        (&read.name, read.start_unix_nanos, read.end_unix_nanos)
    );
    let kind = match read.kind {
        SpanKind::Internal => [0, 1],
        SpanKind::Server => [2, 2],
        SpanKind::Client => [3, 3],
        SpanKind::Producer => [4, 4],
        SpanKind::Consumer => [5, 5],
    };
    assert!(kind.contains(&sent.kind));
    assert_eq!(pairs(&sent.attributes), read.attributes);
    assert_eq!(
        (&sent.events[0].name, pairs(&sent.events[0].attributes)),
        (&read.events[0].name, read.events[0].attributes.clone())
    );
    assert_eq!(sent.status.as_ref().unwrap().code == 2, read.is_error());
    assert_eq!(sent.dropped_attributes_count, read.dropped_attributes);
}

proptest! {
    #[test]
    fn what_generated_types_encode_is_read(sent in prop::collection::vec(spans(), 0..5)) {
        let body = request(sent.clone()).encode_to_vec();
        let read = protobuf(Signal::Traces, &body).unwrap().spans;
        prop_assert_eq!(sent.len(), read.len());
        for (sent, read) in sent.iter().zip(&read) {
            compare(sent, read);
        }
    }

    #[test]
    fn json_and_protobuf_of_one_request_are_the_same(sent in prop::collection::vec(spans(), 0..3)) {
        let request = request(sent);
        let of_json = json(&serde_json::to_string(&request).unwrap()).unwrap();
        let of_protobuf = protobuf(Signal::Traces, &request.encode_to_vec()).unwrap();
        prop_assert_eq!(of_json.spans, of_protobuf.spans);
    }

    #[test]
    fn log_records_of_json_and_protobuf_are_the_same(attributes in attributes(), body in any_value(), severity in 0..30i32, trace in any::<u8>()) {
        let record = LogRecord {
            attributes,
            body: Some(body),
            severity_number: severity,
            observed_time_unix_nano: 7,
            trace_id: vec![trace; 16],
            ..LogRecord::default()
        };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                scope_logs: vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }],
                ..ResourceLogs::default()
            }],
        };
        let of_json = json(&serde_json::to_string(&request).unwrap()).unwrap();
        let of_protobuf = protobuf(Signal::Logs, &request.encode_to_vec()).unwrap();
        prop_assert_eq!(&of_json.logs, &of_protobuf.logs);
        let sent = &request.resource_logs[0].scope_logs[0].log_records[0];
        prop_assert_eq!(&of_json.logs[0].attributes, &pairs(&sent.attributes));
        prop_assert_eq!(&of_json.logs[0].body, &value(sent.body.as_ref().unwrap()).to_string());
    }

    #[test]
    fn a_cut_request_is_refused_or_read_and_never_panics(sent in spans(), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let mut body = request(vec![sent]).encode_to_vec();
        let at = at.index(body.len());
        let cut = protobuf(Signal::Traces, &body[..at]);
        prop_assert!(at == 0 || cut.is_err());
        body[at] ^= flip;
        for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
            let _ = protobuf(signal, &body);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
            let _ = protobuf(signal, &body);
        }
    }
}

#[test]
fn values_that_nest_too_deep_are_refused() {
    let mut value = AnyValue {
        value: Some(any_value::Value::BoolValue(true)),
    };
    for _ in 0..100 {
        value = AnyValue {
            value: Some(any_value::Value::ArrayValue(ArrayValue {
                values: vec![value],
            })),
        };
    }
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![1; 8],
        attributes: vec![KeyValue {
            key: "deep".into(),
            value: Some(value),
            ..KeyValue::default()
        }],
        ..Span::default()
    };
    let body = request(vec![span]).encode_to_vec();
    assert_eq!(
        protobuf(Signal::Traces, &body).unwrap_err().to_string(),
        "a value nests too deep"
    );
}

#[test]
fn a_value_of_a_wrong_type_in_a_log_record_is_refused() {
    for value in [
        r#"{"intValue":"x"}"#,
        r#"{"boolValue":1}"#,
        r#"{"arrayValue":{"values":7}}"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":"bare"}]}}"#,
    ] {
        let record = format!(r#"{{"attributes":[{{"key":"k","value":{value}}}]}}"#);
        let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
        assert!(json(&text).is_err(), "{value}");
    }
}

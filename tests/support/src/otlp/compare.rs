//! Comparison of the received spans with the recorded ones, field by field.

use std::sync::Arc;

use hopline_core::{
    Batch, SpanKind,
    export::{OwnedValue, SpanData, StatusData},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;

/// The spans of these batches in the order of a request: grouped by scope, the scope of the first span first.
pub fn expected(batches: &[Arc<Batch>]) -> Vec<SpanData> {
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
    let mut scopes = Vec::new();
    for span in &spans {
        if !scopes.contains(&span.scope) {
            scopes.push(span.scope.clone());
        }
    }
    spans.sort_by_key(|span| scopes.iter().position(|scope| *scope == span.scope));
    spans
}

/// Compares a request, however it was encoded, with what the tracer recorded, field by field.
pub fn assert_request(request: &ExportTraceServiceRequest, spans: &[SpanData]) {
    let mut found = Vec::new();
    for group in &request.resource_spans {
        let resource = group.resource.as_ref().unwrap();
        for of_scope in &group.scope_spans {
            let scope = of_scope.scope.as_ref().unwrap();
            let spans = of_scope.spans.iter();
            found.extend(spans.map(|span| (resource, scope, span)));
        }
    }
    assert_eq!(found.len(), spans.len());
    for ((resource, scope, proto), data) in found.into_iter().zip(spans) {
        assert_scope(scope, data);
        let attributes: Vec<_> = data
            .resource
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        assert_attributes(&resource.attributes, &attributes);
        assert_span(proto, data);
    }
}

/// Compares scopes.
pub fn assert_scope(proto: &InstrumentationScope, data: &SpanData) {
    assert_eq!(
        (proto.name.as_str(), proto.version.as_str()),
        (&*data.scope.name, &*data.scope.version)
    );
}

/// Compares spans.
pub fn assert_span(proto: &ProtoSpan, data: &SpanData) {
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
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
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

/// Compares attributes in order.
pub fn assert_attributes(proto: &[KeyValue], data: &[(String, OwnedValue)]) {
    assert_eq!(proto.len(), data.len());
    for (proto, (key, value)) in proto.iter().zip(data) {
        assert_eq!(&proto.key, key);
        assert_value(proto.value.as_ref().unwrap().value.as_ref().unwrap(), value);
    }
}

/// Compares values with their types.
pub fn assert_value(proto: &Value, data: &OwnedValue) {
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

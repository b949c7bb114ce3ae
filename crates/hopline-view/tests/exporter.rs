//! The exporter of the OpenTelemetry SDK sends to a viewer over each protocol; each span is there once, with its values.
#![cfg(feature = "grpc")]

use std::net::{Ipv4Addr, SocketAddr};

use hopline_core::{SpanKind, TraceId};
use hopline_view::{Server, ServerOptions, View};
use opentelemetry::trace::{
    Span as _, SpanContext, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_otlp::{
    Compression, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

const TRACES: usize = 50;

async fn start() -> (View, Server) {
    let view = View::new();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let options = ServerOptions::default()
        .page(any)
        .otlp_http(any)
        .otlp_grpc(any);
    let server = options.start(&view).await.unwrap();
    (view, server)
}

/// Records traces of a request, a query and a failed call; gives their ids.
fn record(exporter: SpanExporter) -> Vec<TraceId> {
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "orders")])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("sdk-test");
    let mut ids = Vec::new();
    for number in 0..TRACES as i64 {
        let root = tracer
            .span_builder("POST /orders")
            .with_kind(opentelemetry::trace::SpanKind::Server)
            .start(&tracer);
        ids.push(TraceId::from_bytes(root.span_context().trace_id().to_bytes()).unwrap());
        let context = Context::new().with_span(root);
        let mut query = tracer.start_with_context("db.query", &context);
        query.set_attribute(KeyValue::new("rows", number));
        query.set_attribute(KeyValue::new("share", 0.5));
        query.set_attribute(KeyValue::new("cached", false));
        query.set_attribute(KeyValue::new(
            "tables",
            Value::Array(Array::String(vec!["a".into(), "b".into()])),
        ));
        query.add_event("fetched", vec![KeyValue::new("page", 1)]);
        query.end();
        let mut call = tracer
            .span_builder("GET")
            .with_kind(opentelemetry::trace::SpanKind::Client)
            .with_links(vec![opentelemetry::trace::Link::with_context(
                SpanContext::clone(context.span().span_context()),
            )])
            .start_with_context(&tracer, &context);
        call.set_status(Status::error("refused"));
        call.end();
        context.span().end();
    }
    provider.shutdown().unwrap();
    ids
}

fn check(view: &View, ids: &[TraceId]) {
    for (number, id) in ids.iter().enumerate() {
        let spans = view.spans(*id);
        let named = |name: &str| {
            let mut found = spans.iter().filter(|span| span.name == name);
            (
                found.next().unwrap(),
                assert!(found.next().is_none(), "{name} is there once"),
            )
                .0
        };
        assert_eq!(spans.len(), 3);
        let (root, query, call) = (named("POST /orders"), named("db.query"), named("GET"));
        assert_eq!(
            (root.kind, query.kind, call.kind),
            (SpanKind::Server, SpanKind::Internal, SpanKind::Client)
        );
        assert_eq!(
            (root.parent, query.parent, call.parent),
            (None, Some(root.span_id), Some(root.span_id))
        );
        assert!(
            !root.is_error()
                && call.is_error()
                && root.service() == "orders"
                && root.scope.name == "sdk-test"
        );
        assert_eq!(
            query.attribute("rows").unwrap().as_i64(),
            Some(number as i64)
        );
        assert_eq!(query.attribute("share").unwrap().as_f64(), Some(0.5));
        assert_eq!(query.attribute("cached").unwrap().as_bool(), Some(false));
        assert_eq!(query.attribute("tables").unwrap().to_string(), "[a, b]");
        assert_eq!(query.events[0].name, "fetched");
        assert_eq!(call.links[0].span_context.span_id(), root.span_id);
        assert!(
            root.start_unix_nanos <= query.start_unix_nanos
                && query.end_unix_nanos <= root.end_unix_nanos
        );
    }
    let counts = view.counts();
    assert_eq!(
        (counts.received.spans as usize, counts.spans, counts.merged),
        (3 * TRACES, 3 * TRACES, 0)
    );
    assert_eq!((counts.received.rejected, counts.traces), (0, TRACES));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_in_protobuf_and_json_with_and_without_gzip() {
    for (protocol, is_compressed) in [
        (Protocol::HttpBinary, false),
        (Protocol::HttpBinary, true),
        (Protocol::HttpJson, false),
        (Protocol::HttpJson, true),
    ] {
        let (view, server) = start().await;
        let endpoint = format!("http://{}/v1/traces", server.otlp_http());
        // its client has a runtime of its own
        let recorded = tokio::task::spawn_blocking(move || {
            let mut builder = SpanExporter::builder()
                .with_http()
                .with_protocol(protocol)
                .with_endpoint(endpoint);
            if is_compressed {
                builder = builder.with_compression(Compression::Gzip);
            }
            record(builder.build().unwrap())
        });
        check(&view, &recorded.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc_with_and_without_gzip() {
    for is_compressed in [false, true] {
        let (view, server) = start().await;
        let endpoint = format!("http://{}", server.otlp_grpc().unwrap());
        let mut builder = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
        if is_compressed {
            builder = builder.with_compression(Compression::Gzip);
        }
        let exporter = builder.build().unwrap();
        let recorded = tokio::task::spawn_blocking(move || record(exporter))
            .await
            .unwrap();
        check(&view, &recorded);
    }
}

//! The OpenTelemetry SDK, and its layer for tower.

use hopline_gate::requests::{requests, routes};
use hopline_gate::trace::{Values, polls};
use hopline_gate::{Case, Work};
use opentelemetry::trace::{FutureExt, Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::trace::SdkTracer;

use crate::grid;
use crate::names::{OTEL, OTEL_TOWER};
use crate::sdk::current::{flushed, provider};
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = grid::traces(OTEL, traces);
    cases.extend(grid::threads([OTEL; 3], poll, shared, workers));
    cases.extend(grid::requests(OTEL_TOWER, layer));
    cases
}

pub(crate) fn attributes(values: &Values) -> [KeyValue; 6] {
    [
        KeyValue::new("db.system.name", values.system),
        KeyValue::new("db.operation.name", values.operation),
        KeyValue::new("db.namespace", values.namespace.to_owned()),
        KeyValue::new("db.collection.name", values.collection.to_owned()),
        KeyValue::new("db.response.returned_rows", values.rows),
        KeyValue::new("server.port", values.port),
    ]
}

pub(crate) fn child_in(tracer: &SdkTracer, values: &Values, parent: &Context) {
    let builder = tracer.span_builder("op").with_kind(SpanKind::Internal);
    let mut span = builder
        .with_attributes(attributes(values))
        .start_with_context(tracer, parent);
    span.end();
}

fn child(tracer: &SdkTracer, values: &Values) {
    let builder = tracer.span_builder("op").with_kind(SpanKind::Internal);
    let mut span = builder.with_attributes(attributes(values)).start(tracer);
    span.end();
}

fn root(tracer: &SdkTracer) -> Context {
    let builder = tracer.span_builder("root").with_kind(SpanKind::Server);
    let span = builder.start_with_context(tracer, &Context::new());
    Context::new().with_span(span)
}

fn traces(sampled: bool, children: u64) -> Work {
    let (provider, values) = (provider(sampled), Values::unknown());
    let tracer = provider.tracer("bench");
    let trace = move || {
        let _current = root(&tracer).attach();
        (0..children).for_each(|_| child(&tracer, &values));
    };
    flushed(Work::each(trace), provider)
}

fn poll() -> Work {
    let provider = provider(true);
    let root = root(&provider.tracer("bench"));
    flushed(
        polls(std::future::pending::<()>().with_context(root)),
        provider,
    )
}

fn shared() -> Work {
    let (provider, values, helper) = (provider(true), Values::unknown(), Helper::start());
    let tracer = provider.tracer("bench");
    let work = Work::new(move |spans| {
        let (tracer, root) = (tracer.clone(), root(&tracer));
        let children = move || (0..spans / 2).for_each(|_| child_in(&tracer, &values, &root));
        helper.both(children.clone(), children);
    });
    flushed(work, provider)
}

fn workers() -> Work {
    let (provider, values) = (provider(true), Values::unknown());
    let tracer = provider.tracer("bench");
    let work = on_workers(move || {
        let (tracer, root) = (tracer.clone(), root(&tracer));
        let work = async move {
            (0..3).for_each(|_| child(&tracer, &values));
            tokio::task::yield_now().await;
            (0..2).for_each(|_| child(&tracer, &values));
        };
        work.with_context(root)
    });
    flushed(work, provider)
}

fn layer(sampled: bool, parent: Option<&'static str>) -> Work {
    let provider = provider(sampled);
    // fails on a wrong filter, and there is none
    let layer = LayerBuilder::builder().build().expect("a layer");
    flushed(requests(routes().layer(layer), parent), provider)
}

//! The OpenTelemetry SDK, and its layer for tower.

use hopline_gate::requests::{SAMPLED, UNSAMPLED, requests, routes};
use hopline_gate::trace::{Values, polls};
use hopline_gate::{Case, Work};
use opentelemetry::trace::{FutureExt, Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};

use crate::names::*;
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (children, times) in CHILDREN {
        for (sampler, group) in [
            (Sampler::AlwaysOn, kept(children)),
            (Sampler::AlwaysOff, not_recorded(children)),
        ] {
            let make = move |_: &_| traces(sampler.clone(), children);
            cases.push(Case::new(name(group, OTEL), make).times(times));
        }
    }
    cases.push(
        Case::new(name(POLL, OTEL), |_| poll())
            .over(POLL_BARE)
            .times(1024),
    );
    cases.push(Case::new(name(SHARED, OTEL), |_| shared()).times(1000));
    cases.push(Case::new(name(WORKERS, OTEL), |_| workers()).times(1024));
    for (group, bare, sampler, parent) in [
        (AXUM, AXUM_BARE, Sampler::AlwaysOn, None),
        (
            AXUM_PARENT,
            AXUM_BARE_PARENT,
            Sampler::AlwaysOn,
            Some(SAMPLED),
        ),
        (AXUM_OFF, AXUM_BARE, Sampler::AlwaysOff, None),
        (
            AXUM_OFF_PARENT,
            AXUM_BARE_PARENT,
            Sampler::AlwaysOff,
            Some(UNSAMPLED),
        ),
    ] {
        let make = move |_: &_| layer(sampler.clone(), parent);
        cases.push(
            Case::new(name(group, OTEL_TOWER), make)
                .over(bare)
                .times(512),
        );
    }
    cases
}

/// Takes spans and lets them go.
#[derive(Debug, Default)]
pub(crate) struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// A provider as in a service, whose queue is large enough that nothing is dropped, and made cheap by that.
pub(crate) fn provider(sampler: Sampler) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(16384)
        .build();
    let processor = BatchSpanProcessor::builder(Discard)
        .with_batch_config(config)
        .build();
    SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(processor)
        .build()
}

/// The same for what takes its provider from the process, parents deciding first.
pub(crate) fn installed(sampler: Sampler) -> SdkTracerProvider {
    let provider = provider(Sampler::ParentBased(Box::new(sampler)));
    opentelemetry::global::set_tracer_provider(provider.clone());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    provider
}

/// Waits for the thread that exports.
pub(crate) fn flushed(work: Work, provider: SdkTracerProvider) -> Work {
    work.settled_by(move || {
        let flushed = provider.force_flush();
        assert!(flushed.is_ok(), "{flushed:?}");
    })
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

fn traces(sampler: Sampler, children: u64) -> Work {
    let (provider, values) = (provider(sampler), Values::unknown());
    let tracer = provider.tracer("bench");
    let trace = move || {
        let _current = root(&tracer).attach();
        (0..children).for_each(|_| child(&tracer, &values));
    };
    flushed(Work::each(trace), provider)
}

fn poll() -> Work {
    let provider = provider(Sampler::AlwaysOn);
    let root = root(&provider.tracer("bench"));
    flushed(
        polls(std::future::pending::<()>().with_context(root)),
        provider,
    )
}

fn shared() -> Work {
    let (provider, values, helper) = (
        provider(Sampler::AlwaysOn),
        Values::unknown(),
        Helper::start(),
    );
    let tracer = provider.tracer("bench");
    let work = Work::new(move |spans| {
        let (tracer, root) = (tracer.clone(), root(&tracer));
        let children = move || (0..spans / 2).for_each(|_| child_in(&tracer, &values, &root));
        helper.both(children.clone(), children);
    });
    flushed(work, provider)
}

fn workers() -> Work {
    let (provider, values) = (provider(Sampler::AlwaysOn), Values::unknown());
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

fn layer(sampler: Sampler, parent: Option<&'static str>) -> Work {
    let provider = installed(sampler);
    // fails on a wrong filter, and there is none
    let layer = LayerBuilder::builder().build().expect("a layer");
    flushed(requests(routes().layer(layer), parent), provider)
}

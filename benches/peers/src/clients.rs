//! Calls of a reqwest client.

use hopline_gate::calls::{Answer, bare, call, calls, traced};
use hopline_gate::requests::runtime;
use hopline_gate::trace::Fate;
use hopline_gate::{Case, Work};
use opentelemetry_0_32::trace::TracerProvider;
use opentelemetry_sdk_0_32::error::OTelSdkResult;
use opentelemetry_sdk_0_32::propagation::TraceContextPropagator;
use opentelemetry_sdk_0_32::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_tracing::TracingMiddleware;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::names::name;
use crate::ours::clocks;

const KEPT: &str = "reqwest, a call in a sampled trace";
const OFF: &str = "reqwest, a call in a trace not recorded";
const KEPT_BARE: &str = "reqwest/bare, tracing-opentelemetry";
const OFF_BARE: &str = "reqwest/bare, tracing-opentelemetry, off";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let fates = [
        (KEPT, "reqwest/bare, hopline", Fate::Kept),
        (OFF, "reqwest/bare, hopline, off", Fate::NotRecorded),
    ];
    for (group, below, fate) in fates {
        let (_, clock) = clocks().swap_remove(0);
        cases.push(Case::new(below, move |_| calls(bare(), fate.tracer(&clock))).times(512));
        for (who, clock) in clocks() {
            let make = move |_: &_| calls(traced(), fate.tracer(&clock));
            cases.push(Case::new(name(group, who), make).over(below).times(512));
        }
    }
    for (group, below, sampler) in [
        (KEPT, KEPT_BARE, Sampler::AlwaysOn),
        (OFF, OFF_BARE, Sampler::AlwaysOff),
    ] {
        let of = sampler.clone();
        cases.push(Case::new(below, move |_| theirs(bare(), of.clone())).times(512));
        let make = move |_: &_| theirs(traced_by_them(), sampler.clone());
        cases.push(
            Case::new(name(group, "reqwest-tracing"), make)
                .over(below)
                .times(512),
        );
    }
    cases
}

fn traced_by_them() -> ClientWithMiddleware {
    let middleware = TracingMiddleware::default();
    ClientBuilder::new(reqwest::Client::new())
        .with(middleware)
        .with(Answer)
        .build()
}

fn theirs(client: ClientWithMiddleware, sampler: Sampler) -> Work {
    let provider = installed(sampler);
    let layer = tracing_opentelemetry_0_33::layer().with_tracer(provider.tracer("bench"));
    tracing_subscriber::registry().with(layer).init();
    let runtime = runtime();
    let work = Work::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                let root = tracing::info_span!(parent: None, "root");
                call(&client).instrument(root).await;
            }
        });
    });
    flushed(work, provider)
}

/// Takes spans and lets them go.
#[derive(Debug, Default)]
struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// As [`crate::otel::installed`], in the version that this and the next crate want.
pub(crate) fn installed(sampler: Sampler) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(16384)
        .build();
    let processor = BatchSpanProcessor::builder(Discard)
        .with_batch_config(config)
        .build();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_span_processor(processor)
        .build();
    opentelemetry_0_32::global::set_tracer_provider(provider.clone());
    opentelemetry_0_32::global::set_text_map_propagator(TraceContextPropagator::new());
    provider
}

pub(crate) fn flushed(work: Work, provider: SdkTracerProvider) -> Work {
    work.settled_by(move || {
        let flushed = provider.force_flush();
        assert!(flushed.is_ok(), "{flushed:?}");
    })
}

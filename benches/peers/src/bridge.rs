//! The `tracing` crate with tracing-opentelemetry, and the axum layer built on both.

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use hopline_gate::requests::{SAMPLED, UNSAMPLED, requests, routes};
use hopline_gate::trace::{Values, polls};
use hopline_gate::{Case, Work};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Instrument, Span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::names::*;
use crate::otel::{flushed, installed};
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (children, times) in CHILDREN {
        for (sampler, group) in [
            (Sampler::AlwaysOn, kept(children)),
            (Sampler::AlwaysOff, not_recorded(children)),
        ] {
            let make = move |_: &_| traces(sampler.clone(), children);
            cases.push(Case::new(name(group, BRIDGE), make).times(times));
        }
    }
    cases.push(
        Case::new(name(POLL, BRIDGE), |_| poll())
            .over(POLL_BARE)
            .times(1024),
    );
    cases.push(Case::new(name(SHARED, BRIDGE), |_| shared()).times(1000));
    cases.push(Case::new(name(WORKERS, BRIDGE), |_| workers()).times(1024));
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
            Case::new(name(group, BRIDGE_AXUM), make)
                .over(bare)
                .times(512),
        );
    }
    cases
}

/// Makes every `tracing` span of the process an OpenTelemetry span.
fn subscribed(sampler: Sampler) -> SdkTracerProvider {
    let provider = installed(sampler);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    tracing_subscriber::registry().with(layer).init();
    provider
}

fn child_of(parent: &Span, values: &Values) {
    let span = tracing::info_span!(
        parent: parent, "op",
        db.system.name = values.system,
        db.operation.name = values.operation,
        db.namespace = values.namespace,
        db.collection.name = values.collection,
        db.response.returned_rows = values.rows,
        server.port = values.port
    );
    drop(span.entered());
}

fn child(values: &Values) {
    child_of(&Span::current(), values);
}

fn root() -> Span {
    tracing::info_span!(parent: None, "root")
}

fn traces(sampler: Sampler, children: u64) -> Work {
    let (provider, values) = (subscribed(sampler), Values::unknown());
    let trace = move || {
        let root = root();
        let _current = root.enter();
        (0..children).for_each(|_| child_of(&root, &values));
    };
    flushed(Work::each(trace), provider)
}

fn poll() -> Work {
    let provider = subscribed(Sampler::AlwaysOn);
    flushed(
        polls(std::future::pending::<()>().instrument(root())),
        provider,
    )
}

fn shared() -> Work {
    let provider = subscribed(Sampler::AlwaysOn);
    let (values, helper) = (Values::unknown(), Helper::start());
    let work = Work::new(move |spans| {
        let root = root();
        let children = move || (0..spans / 2).for_each(|_| child_of(&root, &values));
        helper.both(children.clone(), children);
    });
    flushed(work, provider)
}

fn workers() -> Work {
    let (provider, values) = (subscribed(Sampler::AlwaysOn), Values::unknown());
    let work = on_workers(move || {
        let work = async move {
            (0..3).for_each(|_| child(&values));
            tokio::task::yield_now().await;
            (0..2).for_each(|_| child(&values));
        };
        work.instrument(root())
    });
    flushed(work, provider)
}

fn layer(sampler: Sampler, parent: Option<&'static str>) -> Work {
    let provider = subscribed(sampler);
    flushed(
        requests(routes().layer(OtelAxumLayer::default()), parent),
        provider,
    )
}

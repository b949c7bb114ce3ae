//! The `tracing` crate with tracing-opentelemetry, and the axum layer built on both.

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use hopline_gate::requests::{requests, routes};
use hopline_gate::trace::{Values, polls};
use hopline_gate::{Case, Work};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, Span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::grid;
use crate::names::{BRIDGE, BRIDGE_AXUM};
use crate::sdk::current::{flushed, provider};
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = grid::traces(BRIDGE, traces);
    cases.extend(grid::threads([BRIDGE; 3], poll, shared, workers));
    cases.extend(grid::requests(BRIDGE_AXUM, layer));
    cases
}

/// Makes every `tracing` span of the process an OpenTelemetry span.
fn subscribed(sampled: bool) -> SdkTracerProvider {
    let provider = provider(sampled);
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

fn traces(sampled: bool, children: u64) -> Work {
    let (provider, values) = (subscribed(sampled), Values::unknown());
    let trace = move || {
        let root = root();
        let _current = root.enter();
        (0..children).for_each(|_| child_of(&root, &values));
    };
    flushed(Work::each(trace), provider)
}

fn poll() -> Work {
    let provider = subscribed(true);
    flushed(
        polls(std::future::pending::<()>().instrument(root())),
        provider,
    )
}

fn shared() -> Work {
    let provider = subscribed(true);
    let (values, helper) = (Values::unknown(), Helper::start());
    let work = Work::new(move |spans| {
        let root = root();
        let children = move || (0..spans / 2).for_each(|_| child_of(&root, &values));
        helper.both(children.clone(), children);
    });
    flushed(work, provider)
}

fn workers() -> Work {
    let (provider, values) = (subscribed(true), Values::unknown());
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

fn layer(sampled: bool, parent: Option<&'static str>) -> Work {
    let provider = subscribed(sampled);
    flushed(
        requests(routes().layer(OtelAxumLayer::default()), parent),
        provider,
    )
}

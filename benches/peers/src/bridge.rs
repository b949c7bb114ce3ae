//! The `tracing` crate with tracing-opentelemetry, and the axum layer built on both.

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use hopline_core::Clock;
use hopline_gate::bridged;
use hopline_gate::requests::{requests, routes};
use hopline_gate::trace::{Fate, Values, polls, root};
use hopline_gate::{Case, Work};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, Span};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::grid;
use crate::names::{
    BRIDGE, BRIDGE_AXUM, CHILDREN, FILTERED, HOPLINE_BRIDGE, LINE, LINE_IDS, LINE_PLAIN, REGISTRY,
    kept, name,
};
use crate::sdk::current::{flushed, provider};
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = grid::traces(BRIDGE, traces);
    for (children, times) in CHILDREN {
        let bridged = move |clock: &_| ours(children, clock);
        cases.push(Case::new(name(kept(children), HOPLINE_BRIDGE), bridged).times(times));
        let bare = move |clock: &_| alone(children, clock);
        cases.push(Case::new(name(kept(children), REGISTRY), bare).times(times));
        let least = move |clock: &_| filtered(children, clock);
        cases.push(Case::new(name(kept(children), FILTERED), least).times(times));
    }
    cases.push(Case::new(name(LINE, LINE_IDS), |clock| line(true, clock)).times(1000));
    cases.push(Case::new(name(LINE, LINE_PLAIN), |clock| line(false, clock)).times(1000));
    cases.extend(grid::threads([BRIDGE; 3], poll, shared, workers));
    cases.extend(grid::requests(BRIDGE_AXUM, layer));
    cases
}

/// Spans of `tracing` in a root of hopline.
fn ours(children: u64, clock: &Clock) -> Work {
    tracing_subscriber::registry()
        .with(hopline_tracing::layer())
        .init();
    bridged::traces(Fate::Kept.tracer(clock), children)
}

/// The same without a bridge: what `tracing` and the registry cost, and the root.
fn alone(children: u64, clock: &Clock) -> Work {
    tracing_subscriber::registry().init();
    bridged::traces(Fate::Kept.tracer(clock), children)
}

/// The same with the least that a layer with its own filter costs.
fn filtered(children: u64, clock: &Clock) -> Work {
    bridged::filtered().init();
    bridged::traces(Fate::Kept.tracer(clock), children)
}

/// A line of JSON with a time, as services log.
fn line(with_ids: bool, clock: &Clock) -> Work {
    let layer = fmt::layer().json().with_writer(std::io::sink);
    if with_ids {
        let layer = layer.map_event_format(hopline_tracing::with_ids);
        tracing_subscriber::registry().with(layer).init();
    } else {
        tracing_subscriber::registry().with(layer).init();
    }
    let mut request = root(&Fate::Kept.tracer(clock));
    Work::new(move |times| {
        request.in_scope(|| {
            for order in 0..times {
                tracing::info!(order, customer = "ada", total = 12.5, "order placed");
            }
        });
    })
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

fn otel_root() -> Span {
    tracing::info_span!(parent: None, "root")
}

fn traces(sampled: bool, children: u64) -> Work {
    let (provider, values) = (subscribed(sampled), Values::unknown());
    let trace = move || {
        let root = otel_root();
        let _current = root.enter();
        (0..children).for_each(|_| child_of(&root, &values));
    };
    flushed(Work::each(trace), provider)
}

fn poll() -> Work {
    let provider = subscribed(true);
    flushed(
        polls(std::future::pending::<()>().instrument(otel_root())),
        provider,
    )
}

fn shared() -> Work {
    let provider = subscribed(true);
    let (values, helper) = (Values::unknown(), Helper::start());
    let work = Work::new(move |spans| {
        let root = otel_root();
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
        work.instrument(otel_root())
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

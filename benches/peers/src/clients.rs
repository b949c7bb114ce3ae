//! Calls of a reqwest client.

use hopline_gate::calls::{Answer, bare, call, calls, traced};
use hopline_gate::requests::runtime;
use hopline_gate::trace::Fate;
use hopline_gate::{Case, Work};
use opentelemetry_0_32::trace::TracerProvider;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_tracing::TracingMiddleware;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::names::name;
use crate::ours::clocks;
use crate::sdk::older::{flushed, provider};

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
    for (group, below, sampled) in [(KEPT, KEPT_BARE, true), (OFF, OFF_BARE, false)] {
        cases.push(Case::new(below, move |_| theirs(bare(), sampled)).times(512));
        let make = move |_: &_| theirs(traced_by_them(), sampled);
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

fn theirs(client: ClientWithMiddleware, sampled: bool) -> Work {
    let provider = provider(sampled);
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

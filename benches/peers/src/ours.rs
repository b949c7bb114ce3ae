//! hopline's cases.

use std::time::Duration;

use hopline_core::{Clock, FutureExt, SpanBuilder, Tracer};
use hopline_gate::requests::{SAMPLED, UNSAMPLED, in_empty_layer, requests, routes, traced};
use hopline_gate::sinks::Encoding;
use hopline_gate::trace::{Fate, Values, attributes, child, polls, root, traces};
use hopline_gate::{Case, Work};

use crate::names::*;
use crate::threads::{Helper, on_workers};

/// The clocks that each case is measured with, by the name that hopline has with it.
///
/// The first is the one that users have, where the kernel keeps time by the processor's counter.
pub(crate) fn clocks() -> Vec<(&'static str, Clock)> {
    vec![(HOPLINE, Clock::System), (HOPLINE_STD, Clock::Std)]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(POLL_BARE, |_| polls(std::future::pending())).times(1024),
        Case::new(AXUM_BARE, |_| requests(routes(), None)).times(512),
        Case::new(AXUM_BARE_PARENT, |_| requests(routes(), Some(SAMPLED))).times(512),
        Case::new("axum/empty layer", |_| requests(in_empty_layer(), None))
            .over(AXUM_BARE)
            .times(512),
    ];
    for (who, clock) in clocks() {
        cases.extend(of(who, &clock));
    }
    cases
}

fn of(who: &str, clock: &Clock) -> Vec<Case> {
    let case = |group: &str, make: fn(&Clock) -> Work| {
        let clock = clock.clone();
        Case::new(name(group, who), move |_| make(&clock))
    };
    let mut cases = Vec::new();
    for (children, times) in CHILDREN {
        for (fate, group) in [
            (Fate::Kept, kept(children)),
            (Fate::Discarded, discarded(children)),
            (Fate::NotRecorded, not_recorded(children)),
        ] {
            let clock = clock.clone();
            let make = move |_: &Clock| traces(fate.tracer(&clock), children);
            cases.push(Case::new(name(group, who), make).times(times));
        }
    }
    cases.push(case(POLL, poll).over(POLL_BARE).times(1024));
    cases.push(case(SHARED, shared).times(1000));
    cases.push(case(WORKERS, workers).times(1024));

    let axum = |group, make: fn(&Clock) -> Work| case(group, make).over(AXUM_BARE).times(512);
    let parent =
        |group, make: fn(&Clock) -> Work| case(group, make).over(AXUM_BARE_PARENT).times(512);
    cases.push(axum(AXUM, |clock| {
        requests(traced(Fate::Kept, clock), None)
    }));
    cases.push(parent(AXUM_PARENT, |clock| {
        requests(traced(Fate::Kept, clock), Some(SAMPLED))
    }));
    let off = |clock: &Clock| requests(traced(Fate::NotRecorded, clock), None);
    cases.push(axum(AXUM_OFF, off));
    let off = |clock: &Clock| requests(traced(Fate::NotRecorded, clock), Some(UNSAMPLED));
    cases.push(parent(AXUM_OFF_PARENT, off));
    let dropped = |clock: &Clock| requests(traced(Fate::Discarded, clock), None);
    cases.push(axum("axum, recorded, then discarded", dropped));
    let dropped = |clock: &Clock| requests(traced(Fate::Discarded, clock), Some(UNSAMPLED));
    cases.push(parent(
        "axum, recorded, then discarded, traceparent",
        dropped,
    ));
    let clock = clock.clone();
    let encoded = Case::new(name(AXUM, &who.replace(HOPLINE, ENCODED)), move |_| {
        encoded(&clock)
    });
    cases.push(encoded.over(AXUM_BARE).times(512));
    cases
}

fn poll(clock: &Clock) -> Work {
    let span = root(&Fate::Kept.tracer(clock));
    polls(std::future::pending::<()>().in_context(span.context()))
}

/// Requests whose spans become OTLP bytes on a thread behind them.
fn encoded(clock: &Clock) -> Work {
    let tracer = Tracer::builder()
        .service("bench")
        .clock(clock.clone())
        .sink(Encoding::start())
        .build();
    let layer = hopline_axum::TraceLayer::new().tracer(tracer.clone());
    requests(routes().layer(layer), None).settled_by(move || {
        // what takes longer shows as the time that it takes
        let _ = tracer.flush(Duration::from_secs(10));
    })
}

fn shared(clock: &Clock) -> Work {
    let (tracer, values, helper) = (Fate::Kept.tracer(clock), Values::unknown(), Helper::start());
    Work::new(move |spans| {
        let root = root(&tracer);
        let context = root.context();
        let children = move || {
            for _ in 0..spans / 2 {
                let builder = SpanBuilder::new("op");
                let span = builder
                    .child_of(&context)
                    .attributes(|| attributes(&values))
                    .start();
                span.end();
            }
        };
        helper.both(children.clone(), children);
    })
}

fn workers(clock: &Clock) -> Work {
    let (tracer, values) = (Fate::Kept.tracer(clock), Values::unknown());
    on_workers(move || {
        let work = async move {
            (0..3).for_each(|_| child(&values).end());
            tokio::task::yield_now().await;
            (0..2).for_each(|_| child(&values).end());
        };
        work.in_span(root(&tracer))
    })
}

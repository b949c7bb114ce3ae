//! Spans and log lines of the `tracing` crate: with hopline's bridge, over what they cost without.

use std::hint::black_box;
use std::{fmt, io};

use hopline_core::Tracer;
use tracing::Subscriber;
use tracing::dispatcher::{Dispatch, with_default};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::case::{Case, Work};
use crate::trace::{Fate, Values, root};

/// An entered span of `tracing` with six fields.
pub fn child(values: &Values) {
    let span = tracing::info_span!(
        "op",
        db.system.name = values.system,
        db.operation.name = values.operation,
        db.namespace = values.namespace,
        db.collection.name = values.collection,
        db.response.returned_rows = values.rows,
        server.port = values.port
    );
    drop(span.entered());
}

/// Traces of this tracer: a root, and spans of `tracing` in it.
pub fn traces(tracer: Tracer, children: u64) -> Work {
    let values = Values::unknown();
    Work::each(move || {
        root(&tracer).in_scope(|| (0..children).for_each(|_| child(&values)));
    })
}

fn bridged(children: u64, fate: Fate) -> impl Fn(&hopline_core::Clock) -> Work {
    move |clock| {
        let bridge = registry().with(hopline_tracing::layer());
        subscribed(bridge.into(), traces(fate.tracer(clock), children))
    }
}

fn bare(children: u64, fate: Fate) -> impl Fn(&hopline_core::Clock) -> Work {
    move |clock| subscribed(registry().into(), traces(fate.tracer(clock), children))
}

/// A layer that does nothing but read the fields of a span.
#[derive(Clone, Copy, Debug)]
struct Reader;

impl<S: Subscriber> Layer<S> for Reader {
    fn on_new_span(&self, attrs: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attrs.record(&mut black_box(Seen));
    }
}

struct Seen;

impl Visit for Seen {
    fn record_i64(&mut self, _: &Field, value: i64) {
        black_box(value);
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        black_box(value);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        black_box(value);
    }
}

/// The least that a layer with a filter of its own costs: it enables no callsite that nothing wants, and takes a look-up
/// in the registry for each enter, exit and close.
pub fn filtered() -> impl Subscriber + Send + Sync {
    registry().with(Reader.with_filter(LevelFilter::INFO))
}

fn least(children: u64) -> impl Fn(&hopline_core::Clock) -> Work {
    move |clock| {
        subscribed(
            filtered().into(),
            traces(Fate::Kept.tracer(clock), children),
        )
    }
}

/// A JSON line within a span, with and without its ids.
fn lines(with_ids: bool) -> impl Fn(&hopline_core::Clock) -> Work {
    move |clock| {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .without_time()
            .with_writer(io::sink);
        let dispatch: Dispatch = if with_ids {
            let layer = layer.map_event_format(hopline_tracing::with_ids);
            registry().with(layer).into()
        } else {
            registry().with(layer).into()
        };
        let tracer = Fate::NotRecorded.tracer(clock);
        let line = Work::each(move || {
            root(&tracer).in_scope(|| {
                tracing::info!(order = 7, customer = "ada", total = 12.5, "order placed");
            });
        });
        subscribed(dispatch, line)
    }
}

/// A callsite that no layer wants.
fn disabled() -> Work {
    let bridge = registry().with(hopline_tracing::layer());
    let work = Work::each(|| tracing::trace!(order = 7, "not wanted"));
    subscribed(bridge.into(), work)
}

fn subscribed(dispatch: Dispatch, mut work: Work) -> Work {
    Work::new(move |times| with_default(&dispatch, || work.run(times)))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for children in [1, 5] {
        let name = |what| format!("tracing/{what}/{children}");
        cases.push(Case::new(
            name("registry alone"),
            bare(children, Fate::Kept),
        ));
        cases.push(Case::new(name("filtered reader"), least(children)));
        cases.push(Case::new(
            name("bridged, kept"),
            bridged(children, Fate::Kept),
        ));
    }
    cases.push(Case::new(
        "tracing/bridged, not recorded/5",
        bridged(5, Fate::NotRecorded),
    ));
    cases.push(Case::new("tracing/JSON line", lines(false)));
    cases.push(Case::new("tracing/JSON line with ids", lines(true)));
    cases.push(Case::new("tracing/disabled", |_| disabled()).times(2000));
    cases
}

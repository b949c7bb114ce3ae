//! fastrace, and its layer for axum.

use std::borrow::Cow;
use std::sync::Arc;

use fastrace::collector::{Config, Reporter, SpanRecord};
use fastrace::future::FutureExt;
use fastrace::prelude::{LocalSpan, Span, SpanContext};
use fastrace_axum::FastraceLayer;
use hopline_gate::requests::{requests, routes};
use hopline_gate::trace::{Values, polls};
use hopline_gate::{Case, Work};

use crate::grid;
use crate::names::*;
use crate::threads::{Helper, on_workers};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = grid::traces(FAST_LOCAL, local_traces);
    for (children, times) in CHILDREN {
        let make = move |_: &_| span_traces(children);
        cases.push(Case::new(name(kept(children), FAST_SPAN), make).times(times));
        let make = move |_: &_| cancelled_traces(children);
        cases.push(Case::new(name(discarded(children), FAST_LOCAL), make).times(times));
    }
    let names = [FAST, FAST_SPAN, FAST_LOCAL];
    cases.extend(grid::threads(names, poll, shared, workers));
    cases.extend(grid::requests(FAST_AXUM, layer));
    cases
}

/// Takes spans and lets them go.
struct Discard;

impl Reporter for Discard {
    fn report(&mut self, _: Vec<SpanRecord>) {}
}

pub(crate) fn start() {
    fastrace::set_reporter(Discard, Config::default());
}

fn flushed(work: Work) -> Work {
    work.settled_by(fastrace::flush)
}

/// Its values are texts, so numbers are written out.
fn properties(values: &Values) -> [(&'static str, Cow<'static, str>); 6] {
    [
        ("db.system.name", values.system.into()),
        ("db.operation.name", values.operation.into()),
        ("db.namespace", values.namespace.to_owned().into()),
        ("db.collection.name", values.collection.to_owned().into()),
        ("db.response.returned_rows", values.rows.to_string().into()),
        ("server.port", values.port.to_string().into()),
    ]
}

pub(crate) fn local_child(values: &Values) {
    drop(LocalSpan::enter_with_local_parent("op").with_properties(|| properties(values)));
}

fn child_of(parent: &Span, values: &Values) {
    drop(Span::enter_with_parent("op", parent).with_properties(|| properties(values)));
}

pub(crate) fn root(sampled: bool) -> Span {
    Span::root("root", SpanContext::random().sampled(sampled))
}

fn local_traces(sampled: bool, children: u64) -> Work {
    start();
    let values = Values::unknown();
    flushed(Work::each(move || {
        let root = root(sampled);
        let _current = root.set_local_parent();
        (0..children).for_each(|_| local_child(&values));
    }))
}

/// Recorded, and let go of at the end.
fn cancelled_traces(children: u64) -> Work {
    start();
    let values = Values::unknown();
    flushed(Work::each(move || {
        let root = root(true);
        let current = root.set_local_parent();
        (0..children).for_each(|_| local_child(&values));
        drop(current);
        root.cancel();
    }))
}

fn span_traces(children: u64) -> Work {
    start();
    let values = Values::unknown();
    flushed(Work::each(move || {
        let root = root(true);
        (0..children).for_each(|_| child_of(&root, &values));
    }))
}

fn poll() -> Work {
    start();
    flushed(polls(std::future::pending::<()>().in_span(root(true))))
}

fn shared() -> Work {
    start();
    let (values, helper) = (Values::unknown(), Helper::start());
    flushed(Work::new(move |spans| {
        let root = Arc::new(root(true));
        let children = move || (0..spans / 2).for_each(|_| child_of(&root, &values));
        helper.both(children.clone(), children);
    }))
}

fn workers() -> Work {
    start();
    let values = Values::unknown();
    flushed(on_workers(move || {
        let work = async move {
            (0..3).for_each(|_| local_child(&values));
            tokio::task::yield_now().await;
            (0..2).for_each(|_| local_child(&values));
        };
        work.in_span(root(true))
    }))
}

fn layer(sampled: bool, parent: Option<&'static str>) -> Work {
    start();
    // the layer has no sampler: it samples all, unless the extractor decides otherwise
    let layer = FastraceLayer::default();
    let layer = if sampled {
        layer
    } else {
        layer.with_span_context_extractor(|request| {
            let parent = request.headers().get("traceparent");
            let parent =
                parent.and_then(|value| SpanContext::decode_w3c_traceparent(value.to_str().ok()?));
            parent.or_else(|| Some(SpanContext::random().sampled(false)))
        })
    };
    flushed(requests(routes().layer(layer), parent))
}

//! Code of the application that telemetry calls: it is neither traced nor able to end a request.

use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hopline_core::{
    Attr, Batch, Context, FutureExt, Incoming, Sink, SpanBuilder, SpanKind, Tracer, attr,
    export::{FlushError, Source},
    sampling::{Decision, Sampler, SamplingInput},
    span,
};
use hopline_test_support::start::{names, root};
use hopline_testing::{Spans, tracer_with};

/// Works as an application does: with spans of all sorts, and with what it has kept.
#[derive(Clone, Default)]
struct Traced(Arc<OnceLock<(Tracer, Context)>>);

impl Traced {
    fn work(&self) {
        span("child").end();
        let Some((tracer, kept)) = self.0.get() else {
            return;
        };
        let call = SpanBuilder::new("call").kind(SpanKind::Client);
        let call = call.tracer(tracer).start();
        let sent = call.span_context().unwrap();
        assert!(!sent.is_sampled(), "who receives it begins nothing");
        call.end();
        SpanBuilder::new("child of a request")
            .child_of(kept)
            .start()
            .end();
        root(tracer, "root").end();
        Context::current().set("key", "value");
        tracer.flush(Duration::ZERO).unwrap_err();
    }
}

impl Sink for Traced {
    fn accept(&self, _: &Arc<Batch>) {
        self.work();
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        self.work();
        Ok(())
    }
}

impl Sampler for Traced {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        self.work();
        Decision::Keep
    }
}

#[test]
fn a_sink_and_a_sampler_that_use_spans_are_not_traced() {
    let guest = Traced::default();
    let memory = Spans::new();
    let tracer = Tracer::builder()
        .sink(guest.clone())
        .sink(memory.sink())
        .sampler(guest.clone())
        .build();
    let mut request = root(&tracer, "request");
    guest.0.set((tracer.clone(), request.context())).unwrap();
    request.in_scope(|| {
        // the sinks receive this one while the request is current
        root(&tracer, "inside").end();
        span("after").end();
    });
    request.end();
    tracer.flush(Duration::ZERO).unwrap();
    assert_eq!(names(&memory), ["inside", "request", "after"]);
    assert_eq!(tracer.stats().panics, 0);
}

/// Panics in every method, with a value whose destructor panics.
struct Panics;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("once more");
    }
}

fn panics<T>() -> T {
    resume_unwind(Box::new(Bomb))
}

impl Sink for Panics {
    fn accept(&self, _: &Arc<Batch>) {
        panics()
    }

    fn start(&self, _: Source) {
        panics()
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        panics()
    }
}

impl Sampler for Panics {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        panics()
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panics()
    }
}

#[test]
fn panics_of_sinks_and_of_the_sampler_go_no_further_and_are_counted() {
    let memory = Spans::new();
    let tracer = Tracer::builder()
        .sink(Panics)
        .sink(memory.sink())
        .sampler(Panics)
        .build();
    root(&tracer, "request").end();
    tracer.flush(Duration::ZERO).unwrap_err();
    tracer.shutdown(Duration::ZERO).unwrap_err();
    assert_eq!(names(&memory), ["request"]);
    assert_eq!(
        tracer.stats().panics,
        5,
        "start, sample, accept, two flushes"
    );
    drop(tracer);
}

#[test]
fn a_closure_for_attributes_that_panics_costs_its_attributes() {
    let (tracer, memory) = tracer_with(|tracer| tracer);
    let bad = || -> [Attr<'static>; 1] { panics() };
    let mut request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(bad)
        .start();
    request.set("set", true);
    request.set_all(bad);
    request.event("event", bad);
    request.in_scope(|| {
        let child = SpanBuilder::new("child").attributes(bad).start();
        child.end_with(bad);
        Context::current().set_all(bad);
    });
    request.end();
    let spans = memory.take();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["request", "child"]);
    assert!(spans[0].attribute("set").is_some());
    assert_eq!(spans[0].events.len(), 1);
    assert_eq!(tracer.stats().panics, 6);
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        // were it traced, and the error recorded anew, this would not end
        let mut inner = span("display");
        inner.in_scope(|| Context::current().record_error(self));
        panics()
    }
}

impl Error for Unspeakable {}

#[test]
fn an_error_whose_display_panics_is_recorded_without_its_message() {
    let (tracer, memory) = tracer_with(|tracer| tracer.error_messages());
    let mut request = root(&tracer, "request");
    request.in_scope(|| Context::current().record_error(&Unspeakable));
    request.end();
    let spans = memory.take();
    assert_eq!(spans.len(), 1);
    let error_type = spans[0].attribute("error.type").unwrap();
    assert!(error_type.as_str().unwrap().ends_with("Unspeakable"));
    assert_eq!(tracer.stats().panics, 1);
}

#[tokio::test]
async fn work_in_a_muted_context_records_nothing_wherever_it_is_polled() {
    let (tracer, memory) = tracer_with(|tracer| tracer);
    let inside = tracer.clone();
    let work = async move {
        assert!(Context::current().is_muted());
        root(&inside, "muted").end();
        tokio::task::yield_now().await;
        let task = async move { root(&inside, "muted task").end() };
        tokio::spawn(task.in_current_context()).await.unwrap();
        span("muted child").end();
        let call = SpanBuilder::new("call").kind(SpanKind::Client);
        let sent = call.start().span_context().unwrap();
        assert!(!sent.is_sampled(), "who receives it begins nothing either");
    };
    let mut request = root(&tracer, "request");
    let muted = request.in_scope(|| tokio::spawn(work.in_context(Context::muted())));
    muted.await.unwrap();
    assert!(!Context::current().is_muted());
    request.set_all(|| [attr("seen", true)]);
    request.end();
    assert_eq!(names(&memory), ["request"]);
}

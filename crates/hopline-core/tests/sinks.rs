//! Delivery of finished spans to sinks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hopline_core::{
    Batch, Limits, Sink, SpanBuilder, Tracer,
    export::{Batching, FlushError, Source},
    sampling::{Decision, Sampler, SamplingInput},
};
use hopline_test_support::start::{names, root};
use hopline_testing::{Spans, tracer_with};

/// Wants full batches, and keeps the way to ask for more.
#[derive(Clone, Default)]
struct Patient(Spans, Arc<Mutex<Option<Source>>>);

impl Sink for Patient {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.sink().accept(batch);
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }

    fn start(&self, source: Source) {
        *self.1.lock().unwrap() = Some(source);
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Err(FlushError::timed_out())
    }
}

#[test]
fn a_sink_may_wait_for_full_batches_or_ask() {
    let patient = Patient::default();
    let tracer = Tracer::builder().sink(patient.clone()).build();
    for _ in 0..511 {
        root(&tracer, "request").end();
    }
    assert_eq!(patient.0.take().len(), 0);
    root(&tracer, "request").end();
    assert_eq!(patient.0.take().len(), 512);
    root(&tracer, "request").end();
    let source = patient.1.lock().unwrap().clone().unwrap();
    assert!(source.hand_over());
    assert_eq!(patient.0.take().len(), 1);
    assert!(tracer.flush(Duration::ZERO).unwrap_err().is_timeout());
    root(&tracer, "request").end();
    drop(tracer);
    assert!(!source.hand_over());
    assert_eq!(
        patient.0.take().len(),
        1,
        "the last handle gives what waited"
    );
}

#[test]
fn large_traces_are_handed_over_before_a_batch_grows_without_end() {
    let patient = Patient::default();
    let limits = Limits {
        value_bytes: 1 << 20,
        trace_bytes: 4 << 20,
        ..Limits::default()
    };
    let tracer = Tracer::builder()
        .limits(limits)
        .sink(patient.clone())
        .build();
    let text = "x".repeat(1 << 20);
    for _ in 0..4 {
        assert_eq!(patient.0.take().len(), 0);
        let request = root(&tracer, "request");
        request.set("text", text.as_str());
    }
    assert_eq!(patient.0.take().len(), 4);
}

struct Panics;

impl Sink for Panics {
    fn accept(&self, _: &Arc<Batch>) {
        panic!("a sink's bug");
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        panic!("another one");
    }
}

impl Sampler for Panics {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        panic!("a sampler's bug");
    }
}

#[test]
fn a_sink_that_panics_harms_neither_the_request_nor_other_sinks() {
    let memory = Spans::new();
    let tracer = Tracer::builder().sink(Panics).sink(memory.sink()).build();
    root(&tracer, "request").end();
    assert_eq!(names(&memory), ["request"]);
    assert!(!tracer.flush(Duration::ZERO).unwrap_err().is_timeout());
    assert!(!tracer.shutdown(Duration::ZERO).unwrap_err().is_timeout());
}

#[test]
fn the_plan_decides_when_the_sampler_panics() {
    let (tracer, memory) = tracer_with(|builder| builder.sampler(Panics));
    root(&tracer, "request").end();
    assert_eq!(names(&memory), ["request"]);
}

#[test]
fn every_span_of_racing_threads_is_exported_once() {
    let (tracer, memory) = tracer_with(|builder| builder);
    for _ in 0..500 {
        let request = root(&tracer, "request");
        let children: Vec<_> = (0..4)
            .map(|_| {
                SpanBuilder::new("child")
                    .child_of(request.context_ref())
                    .start()
            })
            .collect();
        std::thread::scope(|scope| {
            scope.spawn(move || drop(request));
            for child in children {
                scope.spawn(move || drop(child));
            }
        });
    }
    let mut spans = memory.take();
    assert_eq!(spans.len(), 2500);
    spans.sort_by_key(|span| (span.trace_id, span.span_id));
    spans.dedup_by_key(|span| (span.trace_id, span.span_id));
    assert_eq!(spans.len(), 2500);
}

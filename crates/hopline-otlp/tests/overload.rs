//! A full queue: the spans that it drops, and the losses that it reports.
#![cfg(feature = "http")]

use std::time::{Duration, SystemTime};

use hopline_core::{Incoming, InstrumentationScope, SamplingPlan, SpanBuilder, Tracer, attr};
use hopline_otlp::{Exporter, ExporterBuilder};

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Received, Receiver, Step, record, record_failed, record_many};

/// One whose first attempt hangs until its time is up.
fn stuck() -> (Receiver, ExporterBuilder) {
    let receiver = Receiver::start([Step::Hang]);
    let builder = Exporter::builder()
        .endpoint(receiver.url())
        .schedule_delay(Duration::from_millis(10))
        .timeout(Duration::from_secs(2));
    (receiver, builder)
}

/// Each trace is a batch of its own here: the second sink asks for that.
fn traced(exporter: &Exporter, plan: SamplingPlan) -> Tracer {
    Tracer::builder()
        .plan(plan)
        .sink(exporter.clone())
        .sink(hopline_test_support::sinks::KeptBatches::default())
        .build()
}

/// A trace of one span with this duration.
fn record_long(tracer: &Tracer, name: &'static str, took: Duration) {
    let start = SystemTime::now();
    SpanBuilder::new(name)
        .start_time(start)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
        .end_at(start + took);
}

#[test]
fn failed_traces_are_dropped_last_and_the_newest_first() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue(4).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    record(&tracer, "on its way");
    receiver.await_requests(1);
    for name in ["old", "newer", "newest"] {
        record(&tracer, name);
    }
    record(&tracer, "no room");
    assert_eq!(exporter.stats().dropped, 1);
    for (name, dropped) in [
        ("failed 1", 2),
        ("failed 2", 3),
        ("failed 3", 4),
        ("failed 4", 5),
    ] {
        record_failed(&tracer, name);
        assert_eq!(exporter.stats().dropped, dropped, "{name}");
    }
    tracer.flush(LONG).unwrap();
    let expected = ["on its way", "failed 1", "failed 2", "failed 3"];
    assert_eq!(receiver.await_spans(4), expected);
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.sent, stats.lost()), (9, 4, 5));
}

/// The plan sets the limit for slow traces, unless the exporter does.
#[test]
fn slow_traces_are_dropped_last() {
    let unsampled = || "* 0%; keep slower 1ms".parse().unwrap();
    let sampled = || "* 100%; keep slower 300ms".parse().unwrap();
    for (limit, plan, took, kept) in [
        (None, unsampled(), 1, true),
        (None, SamplingPlan::new(), 1_000, true),
        (None, SamplingPlan::new(), 999, false),
        (Some(300), SamplingPlan::new(), 300, true),
        (Some(300), SamplingPlan::new(), 299, false),
        (None, sampled(), 300, true),
        (None, sampled(), 299, false),
        (Some(200), sampled(), 200, true),
        (Some(400), sampled(), 399, false),
    ] {
        let (receiver, builder) = stuck();
        let builder = match limit {
            Some(limit) => builder.drop_slower_last(Duration::from_millis(limit)),
            None => builder,
        };
        let exporter = builder.queue(2).build().unwrap();
        let sampled = traced(&exporter, SamplingPlan::new());
        record(&sampled, "on its way");
        receiver.await_requests(1);
        record(&sampled, "ordinary");
        let slow = traced(&exporter, plan);
        record_long(&slow, "long", Duration::from_millis(took));
        sampled.flush(LONG).unwrap();
        let second = if kept { "long" } else { "ordinary" };
        assert_eq!(receiver.await_spans(2), ["on its way", second], "{took} ms");
        assert_eq!(exporter.stats().dropped, 1);
    }
}

/// Waiting spans are judged by the plan under which they were handed over.
#[test]
fn an_exchanged_plan_decides_what_is_slow() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue(3).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    record(&tracer, "on its way");
    receiver.await_requests(1);
    record_long(&tracer, "ordinary", Duration::from_millis(300));
    tracer.set_plan("* 100%; keep slower 300ms".parse().unwrap());
    record_long(&tracer, "slow", Duration::from_millis(300));
    record_long(&tracer, "also slow", Duration::from_millis(300));
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(3), ["on its way", "slow", "also slow"]);
    assert_eq!(exporter.stats().dropped, 1);
}

/// Only the local root is measured; its trace stays with all its spans.
#[test]
fn a_slow_trace_stays_whole_and_a_long_child_makes_none() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue(3).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    record(&tracer, "on its way");
    receiver.await_requests(1);
    let start = SystemTime::now();
    let trace = |names: [&'static str; 2], took: [u64; 2]| {
        let root = SpanBuilder::new(names[0]).start_time(start);
        let root = root.tracer(&tracer).parent(Incoming::default()).start();
        let child = SpanBuilder::new(names[1]).start_time(start);
        let child = child.child_of(root.context_ref()).start();
        child.end_at(start + Duration::from_secs(took[1]));
        root.end_at(start + Duration::from_secs(took[0]));
    };
    trace(["short", "long child"], [0, 5]);
    trace(["slow", "short child"], [2, 0]);
    tracer.flush(LONG).unwrap();
    let mut names = receiver.await_spans(3);
    names.sort();
    assert_eq!(names, ["on its way", "short child", "slow"]);
    assert_eq!(exporter.stats().dropped, 2);
}

#[test]
fn failed_traces_of_a_batch_that_does_not_fit_are_kept() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue(600).build().unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record(&tracer, "on its way");
    receiver.await_requests(1);
    // two batches of 512, of which the queue takes one and the precious part of the other
    for number in 0..1024 {
        match number % 100 {
            7 => record_failed(&tracer, &format!("failed {number}")),
            _ => record(&tracer, "ordinary"),
        }
    }
    tracer.flush(LONG).unwrap();
    let names = receiver.await_spans(2);
    let failed: Vec<&String> = names
        .iter()
        .filter(|name| name.starts_with("failed"))
        .collect();
    let expected: Vec<String> = (0..11)
        .map(|hundred| format!("failed {}", hundred * 100 + 7))
        .collect();
    assert_eq!(failed, expected.iter().collect::<Vec<_>>());
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.sent), (1025, names.len() as u64));
    assert_eq!(stats.sent + stats.dropped, 1025);
    assert!(stats.dropped >= 400, "{stats:?}");
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue_bytes(100_000).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    let text = "x".repeat(10_000);
    let large = |name: &str| {
        SpanBuilder::new(hopline_core::Name::dynamic(name))
            .tracer(&tracer)
            .parent(Incoming::default())
            .attributes(|| [attr("text", &text)])
            .start()
            .end();
    };
    large("on its way");
    receiver.await_requests(1);
    for number in 0..20 {
        large(&number.to_string());
    }
    let stats = exporter.stats();
    assert!((8..=9).contains(&stats.waiting), "{stats:?}");
    assert_eq!(stats.waiting + stats.dropped, 21);
    tracer.flush(LONG).unwrap();
    assert_eq!(exporter.stats().waiting, 0);
}

/// The number of lost spans that each request reports.
fn reported(receiver: &Receiver) -> Vec<Option<i64>> {
    let received = receiver.received();
    received.iter().map(Received::dropped).collect()
}

#[test]
fn a_loss_is_reported_once_by_the_next_request() {
    let (receiver, builder) = stuck();
    let exporter = builder.queue(2).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    record(&tracer, "on its way");
    receiver.await_requests(1);
    record_many(&tracer, 6);
    tracer.flush(LONG).unwrap();
    record(&tracer, "after");
    tracer.flush(LONG).unwrap();
    let told = reported(&receiver);
    // the hung attempt and its repetition were encoded before the loss
    assert_eq!(told, [None, None, Some(5), None]);
    assert_eq!(exporter.stats().dropped, 5);
}

#[test]
fn a_loss_is_reported_by_the_first_of_several_scopes() {
    static CLIENT: InstrumentationScope = InstrumentationScope::new("client", "1.0.0");
    let (receiver, builder) = stuck();
    let exporter = builder.queue(3).build().unwrap();
    let tracer = traced(&exporter, SamplingPlan::new());
    record(&tracer, "on its way");
    receiver.await_requests(1);
    let root = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let call = SpanBuilder::new("call").scope(&CLIENT);
    call.child_of(root.context_ref()).start().end();
    root.end();
    record_many(&tracer, 5);
    tracer.flush(LONG).unwrap();
    assert_eq!(reported(&receiver), [None, None, Some(5)]);
    let request = receiver.received()[2].decode();
    let scopes = request.resource_spans[0].scope_spans.iter();
    let printed: Vec<_> = scopes
        .map(|group| {
            let scope = group.scope.as_ref().unwrap();
            (
                scope.name.as_str(),
                scope.attributes.len(),
                group.spans.len(),
            )
        })
        .collect();
    assert_eq!(printed, [("hopline", 1, 1), ("client", 0, 1)]);
}

#[test]
fn a_loss_is_reported_again_if_the_request_that_reported_it_did_not_arrive() {
    let receiver = Receiver::start([Step::Status(400), Step::Status(400)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    for _ in 0..2 {
        record_many(&tracer, 2);
        tracer.flush(LONG).unwrap_err();
    }
    record(&tracer, "taken");
    tracer.flush(LONG).unwrap();
    let told = reported(&receiver);
    assert_eq!(told, [None, Some(2), Some(4)]);
}

//! Spans that a service loses if its collector is too slow.
#![cfg(feature = "otlp")]

use std::time::{Duration, SystemTime};

use hopline::core::Incoming;
use hopline::otlp::Exporter;
use hopline::{SpanBuilder, Tracer};

use hopline_test_support::LONG;
use hopline_test_support::otlp::{Receiver, Step};
use hopline_test_support::sinks::Discard;

fn record(tracer: &Tracer, name: &'static str, took: Duration) {
    let start = SystemTime::now();
    SpanBuilder::new(name)
        .start_time(start)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
        .end_at(start + took);
}

#[test]
fn traces_that_are_slow_by_the_plan_are_dropped_last() {
    let receiver = Receiver::start([Step::Hang]);
    let exporter = Exporter::builder()
        .endpoint(receiver.url())
        .schedule_delay(Duration::from_millis(10))
        .timeout(Duration::from_secs(2))
        .queue(3);
    let telemetry = hopline::builder("orders")
        .override_plan("* 100%; keep slower 200ms".parse().unwrap())
        .exporter(exporter.build().unwrap())
        .sink(Discard::each_trace())
        .build()
        .unwrap();
    let tracer = telemetry.tracer().unwrap();
    record(tracer, "on its way", Duration::ZERO);
    receiver.await_requests(1);
    record(tracer, "slow", Duration::from_millis(200));
    record(tracer, "ordinary", Duration::from_millis(199));
    tracer.set_plan("* 100%; keep slower 100ms".parse().unwrap());
    record(tracer, "slow now", Duration::from_millis(100));
    record(tracer, "no room", Duration::from_millis(99));
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(3), ["on its way", "slow", "slow now"]);
    assert_eq!(telemetry.exporter().unwrap().stats().dropped, 2);
}

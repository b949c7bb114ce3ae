//! The end of telemetry, on every runtime and with every collector.
#![cfg(feature = "otlp")]

use std::time::{Duration, Instant};

use hopline::Telemetry;
use hopline::core::export::FlushError;
use hopline::otlp::Exporter;
use tokio::runtime::{Builder, Runtime};

use hopline_test_support::LONG;
use hopline_test_support::otlp::{Receiver, Step, free_address, record};

fn runtimes() -> Vec<(&'static str, Runtime)> {
    let current = Builder::new_current_thread().enable_all().build();
    let one = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let four = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    vec![
        ("current thread", current.unwrap()),
        ("one worker", one.unwrap()),
        ("four workers", four.unwrap()),
    ]
}

fn telemetry(url: &str, limit: Duration) -> Telemetry {
    let exporter = Exporter::builder()
        .endpoint(url)
        .schedule_delay(Duration::from_secs(3600))
        .build()
        .unwrap();
    hopline::builder("orders")
        .exporter(exporter)
        .shutdown_timeout(limit)
        .build()
        .unwrap()
}

fn is_timeout(result: Result<(), FlushError>) -> bool {
    result.unwrap_err().is_timeout()
}

#[test]
fn shutdown_exports_everything_on_every_runtime_also_inside_a_task() {
    for (name, runtime) in runtimes() {
        let receiver = Receiver::start([]);
        let outside = telemetry(&receiver.url(), LONG);
        let inside = telemetry(&receiver.url(), LONG);
        runtime.block_on(async {
            record(outside.tracer().unwrap(), "outside");
            outside.try_shutdown().await.unwrap();
            let task = tokio::spawn(async move {
                record(inside.tracer().unwrap(), "inside");
                inside.check().await.unwrap();
                inside.try_shutdown().await
            });
            task.await.unwrap().unwrap();
        });
        let expected = ["outside", "hopline.check", "inside"];
        assert_eq!(receiver.await_spans(3), expected, "{name}");
    }
}

#[test]
fn a_hung_collector_delays_no_runtime_beyond_the_timeout() {
    // the exporter's own limit is ten times as long
    let limit = Duration::from_secs(1);
    for (name, runtime) in runtimes() {
        let receiver = Receiver::start(std::iter::repeat_n(Step::Hang, 10));
        let telemetry = telemetry(&receiver.url(), limit);
        let exporter = telemetry.exporter().unwrap().clone();
        let start = Instant::now();
        runtime.block_on(async {
            record(telemetry.tracer().unwrap(), "lost");
            let waiting = tokio::spawn(telemetry.try_shutdown());
            // the runtime's only thread is free meanwhile
            for turn in 0..100 {
                assert!(!waiting.is_finished(), "{name}: {turn}");
                tokio::task::yield_now().await;
            }
            assert!(is_timeout(waiting.await.unwrap()), "{name}");
        });
        assert!(start.elapsed() < 8 * limit, "{name}: {:?}", start.elapsed());
        assert_eq!(
            (exporter.stats().abandoned, exporter.stats().waiting),
            (1, 0)
        );
    }
}

#[test]
fn concurrent_flushes_and_shutdowns_all_end_and_a_second_one_succeeds() {
    for (name, runtime) in runtimes() {
        let receiver = Receiver::start([]);
        let telemetry = telemetry(&receiver.url(), LONG);
        let tracer = telemetry.tracer().unwrap().clone();
        runtime.block_on(async {
            record(&tracer, "span");
            let flushes: Vec<_> = (0..4)
                .map(|_| {
                    let tracer = tracer.clone();
                    tokio::spawn(async move { tracer.flush(LONG) })
                })
                .collect();
            telemetry.try_shutdown().await.unwrap();
            for flush in flushes {
                flush.await.unwrap().unwrap();
            }
            tracer.shutdown(LONG).unwrap();
            tracer.flush(LONG).unwrap();
        });
        assert_eq!(receiver.await_spans(1), ["span"], "{name}");
    }
}

#[test]
fn a_shutdown_that_is_not_awaited_continues() {
    let receiver = Receiver::start([]);
    for (name, runtime) in runtimes() {
        let telemetry = telemetry(&receiver.url(), LONG);
        runtime.block_on(async {
            record(telemetry.tracer().unwrap(), name);
            let dropped = tokio::time::timeout(Duration::ZERO, telemetry.shutdown());
            let _ = dropped.await;
        });
    }
    let mut found = receiver.await_spans(3);
    found.sort();
    assert_eq!(found, ["current thread", "four workers", "one worker"]);
}

#[test]
fn spans_before_shutdown_are_exported_and_spans_after_it_are_not_recorded() {
    let receiver = Receiver::start([]);
    let telemetry = telemetry(&receiver.url(), LONG);
    let tracer = telemetry.tracer().unwrap().clone();
    let exporter = telemetry.exporter().unwrap().clone();
    record(&tracer, "before");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let during = {
        let tracer = tracer.clone();
        std::thread::spawn(move || {
            let mut ended = 0_u64;
            while stopped.try_recv().is_err() {
                record(&tracer, "during");
                ended += 1;
            }
            ended
        })
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    // what ends meanwhile may find the exporter closed: then it is counted
    let _ = runtime.block_on(telemetry.try_shutdown());
    stop.send(()).unwrap();
    let ended = during.join().unwrap();
    record(&tracer, "after");
    let stats = exporter.stats();
    let not_recorded = tracer.stats().after_shutdown;
    assert!(not_recorded >= 1);
    // each of them is somewhere; those between the tracer's end and the exporter's are in the tracer
    let names = receiver.await_spans(stats.sent as usize);
    assert_eq!(names.iter().filter(|name| *name == "before").count(), 1);
    assert!(!names.contains(&"after".to_owned()));
    assert_eq!(stats.given, stats.sent + stats.lost());
    let total = stats.given + not_recorded;
    assert!(
        ended + 2 - total <= 1,
        "{} ended, {stats:?}, {not_recorded}",
        ended + 2
    );
}

#[test]
fn a_service_starts_and_serves_without_a_collector() {
    let address = free_address();
    let telemetry = telemetry(&format!("http://{address}"), Duration::from_secs(1));
    let tracer = telemetry.tracer().unwrap().clone();
    record(&tracer, "without a collector");
    let error = tracer.flush(Duration::from_millis(50)).unwrap_err();
    assert!(error.is_timeout());
    let receiver = Receiver::on(address, []);
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(1), ["without a collector"]);
}

#[test]
fn the_exporter_creates_no_spans() {
    let receiver = Receiver::start([Step::Status(503)]);
    let telemetry = telemetry(&receiver.url(), LONG);
    let tracer = telemetry.tracer().unwrap().clone();
    let span = hopline::SpanBuilder::new("current")
        .tracer(&tracer)
        .parent(hopline::core::Incoming::default())
        .start();
    // also where a span is current on the thread that flushes
    let mut span = span;
    span.in_scope(|| {
        record(&tracer, "span");
        tracer.flush(LONG).unwrap();
    });
    span.end();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(telemetry.try_shutdown()).unwrap();
    assert_eq!(receiver.await_spans(2), ["span", "current"]);
    assert_eq!(tracer.stats().handed_over, 2);
    for request in receiver.received() {
        assert!(request.headers.get("traceparent").is_none());
    }
}

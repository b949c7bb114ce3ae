//! The exporter against a real receiver on loopback.
#![cfg(feature = "http")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use hopline_core::{Incoming, Limits, Sink as _, SpanBuilder, Tracer, attr};
use hopline_otlp::{Exporter, Protocol};

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, Step, free_address, record, record_many, resetting};
use hopline_test_support::otlp::{is_timeout, traced};

#[test]
fn each_span_arrives_once() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url())
        .headers([("api-key", "s3cret")])
        .build()
        .unwrap();
    assert!(!format!("{exporter:?}").contains("s3cret"));
    let tracer = traced(&exporter);
    let names = record_many(&tracer, 1300);
    tracer.flush(LONG).unwrap();

    let received = receiver.received();
    let found: Vec<String> = received
        .iter()
        .flat_map(|request| request.span_names())
        .collect();
    assert_eq!(found, names);
    for request in &received {
        assert!(request.span_names().len() <= 512);
        assert_eq!(request.uri, "/v1/traces");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["api-key"], "s3cret");
        assert!(
            request.headers["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("hopline-otlp/")
        );
    }
    let stats = exporter.stats();
    assert_eq!(
        (stats.given, stats.sent, stats.waiting, stats.lost()),
        (1300, 1300, 0, 0)
    );
}

#[test]
fn json_requests_are_json() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url())
        .protocol(Protocol::HttpJson)
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "one");
    tracer.shutdown(LONG).unwrap();
    let received = receiver.received();
    assert_eq!(received[0].headers["content-type"], "application/json");
    assert_eq!(received[0].span_names(), ["one"]);
}

#[test]
fn compressed_requests_have_the_header_and_the_same_content() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let receiver = Receiver::start([]);
        let exporter = patient(&receiver.url())
            .protocol(protocol)
            .gzip()
            .build()
            .unwrap();
        let tracer = traced(&exporter);
        let names = record_many(&tracer, 100);
        tracer.shutdown(LONG).unwrap();
        let received = receiver.received();
        assert_eq!(received[0].headers["content-encoding"], "gzip");
        assert_eq!(received[0].span_names(), names);
    }
}

#[test]
fn requests_hold_no_more_spans_than_configured() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).spans_at_once(100).build().unwrap();
    let tracer = traced(&exporter);
    let names = record_many(&tracer, 530);
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(530), names);
    let sizes = receiver.received();
    let sizes: Vec<usize> = sizes.iter().map(|one| one.span_names().len()).collect();
    assert_eq!(sizes, [100, 100, 100, 100, 100, 30]);
}

#[test]
fn spans_go_out_by_themselves_after_the_delay() {
    let receiver = Receiver::start([]);
    let exporter = Exporter::builder()
        .endpoint(receiver.url())
        .schedule_delay(Duration::from_millis(20))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "first");
    assert_eq!(receiver.await_spans(1), ["first"]);
    record(&tracer, "second");
    assert_eq!(receiver.await_spans(2), ["first", "second"]);
}

#[test]
fn a_full_request_is_sent_before_the_delay() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 512);
    assert_eq!(receiver.await_spans(512).len(), 512);
}

#[test]
fn the_four_retryable_status_codes_are_retried() {
    for status in [429, 502, 503, 504] {
        let receiver = Receiver::start([Step::Status(status)]);
        let exporter = patient(&receiver.url()).build().unwrap();
        let tracer = traced(&exporter);
        record(&tracer, "again");
        tracer.flush(LONG).unwrap();
        let received = receiver.received();
        assert_eq!(received.len(), 2, "{status}");
        assert_eq!(received[0].body, received[1].body);
        assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
    }
}

#[test]
fn retry_after_is_obeyed() {
    let date = {
        // whole seconds, at least one from now
        let seconds = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
            + 2;
        (seconds, http_date(seconds))
    };
    for (value, not_before) in [("1".to_owned(), None), (date.1, Some(date.0))] {
        let receiver = Receiver::start([Step::RetryAfter(503, value)]);
        let exporter = patient(&receiver.url()).build().unwrap();
        let tracer = traced(&exporter);
        record(&tracer, "later");
        tracer.flush(LONG).unwrap();
        let received = receiver.received();
        let pause = received[1].at - received[0].at;
        match not_before {
            None => assert!(pause >= Duration::from_secs(1), "{pause:?}"),
            Some(seconds) => {
                let second = SystemTime::now() - received[1].at.elapsed();
                assert!(second >= SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            }
        }
    }
}

/// The date format of HTTP, for a time of this century, by counting days.
fn http_date(mut seconds: u64) -> String {
    let (mut year, mut month) = (1970, 0);
    // until 2100
    let leap = |year: u64| u64::from(year.is_multiple_of(4));
    while seconds >= (365 + leap(year)) * 86_400 {
        seconds -= (365 + leap(year)) * 86_400;
        year += 1;
    }
    let days = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while seconds >= days[month] * 86_400 {
        seconds -= days[month] * 86_400;
        month += 1;
    }
    let name = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][month];
    let (day, hour, minute) = (seconds / 86_400 + 1, seconds / 3600 % 24, seconds / 60 % 60);
    format!(
        "Sun, {day:02} {name} {year} {hour:02}:{minute:02}:{:02} GMT",
        seconds % 60
    )
}

#[test]
fn other_status_codes_are_final() {
    for status in [400, 401, 404, 413, 500, 501] {
        let receiver = Receiver::start([Step::Status(status)]);
        let exporter = patient(&receiver.url()).build().unwrap();
        let tracer = traced(&exporter);
        record(&tracer, "refused");
        assert!(!is_timeout(tracer.flush(LONG)), "{status}");
        record(&tracer, "taken");
        tracer.flush(LONG).unwrap();
        assert_eq!(receiver.received().len(), 2, "{status}");
        assert_eq!(receiver.await_spans(1), ["taken"]);
        assert_eq!((exporter.stats().rejected, exporter.stats().sent), (1, 1));
    }
}

#[test]
fn a_collector_that_starts_late_receives_all() {
    let address = free_address();
    let exporter = patient(&format!("http://{address}")).build().unwrap();
    let tracer = traced(&exporter);
    let names = record_many(&tracer, 3);
    assert!(is_timeout(tracer.flush(Duration::from_millis(100))));
    assert_eq!(exporter.stats().waiting, 3);

    let receiver = Receiver::on(address, []);
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(3), names);

    // it dies, and comes back
    drop(receiver);
    record(&tracer, "meanwhile");
    assert!(is_timeout(tracer.flush(Duration::from_millis(100))));
    let receiver = Receiver::on(address, []);
    // without anybody asking
    assert_eq!(receiver.await_spans(1), ["meanwhile"]);
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (4, 0));
}

#[test]
fn retries_end_and_what_was_lost_is_counted() {
    let exporter = patient(&format!("http://{}", free_address()))
        .give_up_after(Duration::from_millis(300))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 5);
    assert!(!is_timeout(tracer.flush(LONG)));
    assert_eq!(
        (exporter.stats().abandoned, exporter.stats().waiting),
        (5, 0)
    );
}

#[test]
fn kept_spans_are_those_that_arrived_and_those_that_are_counted() {
    let partial = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let receiver = Receiver::start([
        Step::Status(200),
        Step::Status(503),
        Step::Status(200),
        Step::Status(400),
        Step::Answer("text/html; charset=utf-8", b"<html>".to_vec()),
        Step::Answer("application/json", partial.to_vec()),
        Step::Status(413),
        Step::Status(200),
        Step::Status(429),
        Step::Failure(500, "text/plain", b"http: request body too large".to_vec()),
        Step::Status(202),
    ]);
    let exporter = patient(&receiver.url())
        .queue(40)
        .spans_at_once(8)
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    // more than the queue holds, in batches of which a part is dropped
    for _ in 0..9 {
        record_many(&tracer, 13);
        let _ = tracer.flush(LONG);
    }
    for number in 0..100 {
        record(&tracer, &number.to_string());
    }
    exporter.shutdown(LONG).unwrap();
    record_many(&tracer, 5);
    let _ = tracer.flush(LONG);
    let kept = 9 * 13 + 100 + 5;
    let arrived: usize = {
        let taken = receiver
            .received()
            .into_iter()
            .filter(|one| one.taken && !one.foreign);
        taken.map(|one| one.span_names().len()).sum()
    };
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.waiting, stats.spooled), (kept, 0, 0));
    assert_eq!(stats.sent + 2, arrived as u64, "{stats:?}");
    assert_eq!(kept, stats.sent + stats.lost(), "{stats:?}");
    // each kind of loss was met
    let losses = [stats.rejected, stats.unconfirmed, stats.dropped];
    assert!(losses.iter().all(|loss| *loss > 0), "{stats:?}");
}

#[test]
fn a_collector_that_asks_for_a_year_is_tried_once_more_at_shutdown() {
    let year = || Step::RetryAfter(503, "31536000".to_owned());
    let receiver = Receiver::start([year()]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(is_timeout(tracer.flush(Duration::from_millis(50))));
    receiver.await_requests(1);
    let start = Instant::now();
    tracer.shutdown(LONG).unwrap();
    assert!(start.elapsed() < LONG / 2);
    assert_eq!(receiver.await_spans(1), ["span"]);
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));

    // and if it continues to ask, a shutdown does not wait for it
    let receiver = Receiver::start([year(), year()]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(is_timeout(tracer.flush(Duration::from_millis(50))));
    receiver.await_requests(1);
    let start = Instant::now();
    tracer.shutdown(LONG).unwrap_err();
    assert!(start.elapsed() < LONG / 2);
    assert_eq!(
        (receiver.received().len(), exporter.stats().abandoned),
        (2, 1)
    );
}

#[test]
fn a_reset_before_the_answer_is_retried() {
    let (address, resetting) = resetting(2);
    let exporter = patient(&format!("http://{address}")).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(is_timeout(tracer.flush(Duration::from_millis(10))));
    resetting.join().unwrap();
    let receiver = Receiver::on(address, []);
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(1), ["span"]);
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
}

#[test]
fn a_hung_attempt_is_retried() {
    let receiver = Receiver::start([Step::Hang]);
    let exporter = patient(&receiver.url())
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(exporter.stats().sent, 1);
}

#[test]
fn a_request_over_64_mib_is_not_sent() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url())
        .queue_bytes(200 << 20)
        .build()
        .unwrap();
    let bytes = 70 << 20;
    let limits = Limits {
        value_bytes: bytes,
        trace_bytes: 2 * bytes,
        total_bytes: 4 * bytes,
        ..Limits::default()
    };
    let tracer = Tracer::builder()
        .limits(limits)
        .sink(exporter.clone())
        .build();
    let text = "x".repeat(65 << 20);
    SpanBuilder::new("large")
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| [attr("text", &text)])
        .start()
        .end();
    assert!(!is_timeout(tracer.flush(LONG)));
    assert_eq!(exporter.stats().rejected, 1);
    record(&tracer, "small");
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(1), ["small"]);
    assert_eq!(receiver.received().len(), 1);

    // together they would exceed it, each by itself does not
    let text = "x".repeat(40 << 20);
    let start = |name| {
        SpanBuilder::new(name)
            .tracer(&tracer)
            .parent(Incoming::default())
            .attributes(|| [attr("text", &text)])
            .start()
    };
    drop((start("one"), start("two")));
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(3), ["small", "one", "two"]);
    assert_eq!(exporter.stats().rejected, 1);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts() {
    let receiver = Receiver::start([Step::Hang]);
    let exporter = patient(&receiver.url())
        .timeout(LONG)
        .queue(10)
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 6);
    assert!(is_timeout(tracer.flush(Duration::from_millis(50))));
    receiver.await_requests(1);
    for expected in [(10, 0), (14, 4), (18, 8)] {
        record_many(&tracer, 4);
        assert!(is_timeout(tracer.flush(Duration::from_millis(10))));
        let stats = exporter.stats();
        assert_eq!((stats.given, stats.dropped), expected);
        assert_eq!(stats.waiting, 10);
    }
}

#[test]
fn flush_and_shutdown_end_in_time_with_a_hung_collector() {
    let receiver = Receiver::start(std::iter::repeat_n(Step::Hang, 10));
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 3);
    let limit = Duration::from_millis(200);
    let start = Instant::now();
    assert!(is_timeout(tracer.flush(limit)));
    assert!(is_timeout(tracer.shutdown(limit)));
    let took = start.elapsed();
    assert!(took >= limit && took < 10 * limit, "{took:?}");
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.abandoned, stats.waiting), (3, 3, 0));
}

#[test]
fn shutdown_may_be_called_twice_and_from_many_threads() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    let names = record_many(&tracer, 100);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| tracer.flush(LONG).unwrap());
            scope.spawn(|| exporter.shutdown(LONG).unwrap());
        }
    });
    tracer.shutdown(LONG).unwrap();
    let found: BTreeSet<String> = receiver.await_spans(100).into_iter().collect();
    assert_eq!(found, names.into_iter().collect());
    assert_eq!(exporter.stats().sent, 100);
}

#[test]
fn flush_works_inside_every_runtime() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    let builders = [
        tokio::runtime::Builder::new_current_thread,
        tokio::runtime::Builder::new_multi_thread,
    ];
    for mut builder in builders.map(|new| new()) {
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let tracer = tracer.clone();
        let task = async move {
            record(&tracer, "inside");
            tracer.flush(LONG).unwrap();
        };
        // in a task of it, where blocking on the runtime itself would panic or hang
        runtime.block_on(async { tokio::spawn(task).await.unwrap() });
    }
    assert_eq!(receiver.await_spans(2), ["inside", "inside"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tracer.shutdown(LONG).unwrap() });
}

#[test]
fn shutdown_does_not_wait_for_a_collector_that_is_not_there() {
    let exporter = patient(&format!("http://{}", free_address()))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 3);
    let start = Instant::now();
    assert!(!is_timeout(tracer.shutdown(LONG)));
    assert!(start.elapsed() < LONG / 2);
    assert_eq!(exporter.stats().abandoned, 3);
}

#[test]
fn spans_after_shutdown_are_counted_as_dropped() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "before");
    exporter.shutdown(LONG).unwrap();
    record(&tracer, "after");
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(1), ["before"]);
    assert_eq!((exporter.stats().sent, exporter.stats().dropped), (1, 1));
}

#[test]
fn an_exporter_dropped_without_shutdown_still_sends() {
    let receiver = Receiver::start([]);
    let tracer = traced(&patient(&receiver.url()).queue(512).build().unwrap());
    let other = Tracer::builder()
        .sink(hopline_test_support::sinks::KeptBatches::default())
        .sink(patient(&receiver.url()).build().unwrap())
        .build();
    record(&other, "kept");
    drop((tracer, other));
    assert_eq!(receiver.await_spans(1), ["kept"]);
}

#[cfg(feature = "tls")]
#[test]
fn an_https_endpoint_is_taken() {
    patient("https://localhost:4318").build().unwrap();
}

//! Answers of a collector over HTTP: partial success, foreign types, huge, slow and broken ones, and what `check` reports.
#![cfg(feature = "http")]

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{
    Receiver, Step, broken_answer, dripping_answers, endless_answer, endless_continue, packed,
    record, record_many,
};
use hopline_test_support::otlp::{is_timeout, traced};

#[test]
fn partial_success_is_counted_and_not_retried() {
    let partial = ExportTracePartialSuccess {
        rejected_spans: 2,
        error_message: "too old".to_owned(),
    };
    let answer = ExportTraceServiceResponse {
        partial_success: Some(partial),
    }
    .encode_to_vec();
    let warning = br#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"slow down"}}"#;
    let receiver = Receiver::start([
        Step::Answer("application/x-protobuf", answer),
        Step::Answer("application/json", warning.to_vec()),
    ]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 5);
    assert!(!is_timeout(tracer.flush(LONG)));
    assert_eq!((exporter.stats().sent, exporter.stats().rejected), (3, 2));
    record(&tracer, "warned");
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().rejected), (4, 2));
    assert_eq!(receiver.received().len(), 2);
}

#[test]
fn a_success_that_is_not_otlp_is_not_retried_and_is_counted_apart() {
    let receiver = Receiver::start([
        Step::Answer("text/html", b"<html>log in".to_vec()),
        Step::Answer("application/x-protobuf", vec![0xff; 100]),
        Step::Answer("application/json", b"{".to_vec()),
    ]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    for number in 1..=3 {
        record(&tracer, "span");
        assert!(!is_timeout(tracer.flush(LONG)));
        assert_eq!(receiver.received().len(), number);
        let stats = exporter.stats();
        assert_eq!(
            (stats.unconfirmed, stats.lost()),
            (number as u64, number as u64)
        );
        assert_eq!((stats.sent, stats.rejected), (0, 0));
    }
}

#[test]
fn a_huge_answer_is_cut_off() {
    let (address, answering) = endless_answer();
    let exporter = patient(&format!("http://{address}")).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(!is_timeout(tracer.flush(LONG)));
    assert_eq!(exporter.stats().unconfirmed, 1);
    // 4 MiB and what the sockets hold
    let written = answering.join().unwrap();
    assert!(written < 64 << 20, "{written} bytes were read");
}

#[test]
fn a_dripping_answer_ends_at_the_timeout() {
    let (address, dripping) = dripping_answers(1);
    let exporter = patient(&format!("http://{address}"))
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    let start = Instant::now();
    tracer.flush(LONG).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    // it was taken: the head of the answer printed so
    assert_eq!(exporter.stats().sent, 1);
    dripping.join().unwrap();
}

#[test]
fn an_answer_of_endless_continues_is_cut_short() {
    let (address, answering) = endless_continue();
    let exporter = patient(&format!("http://{address}"))
        .timeout(Duration::from_secs(3600))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(is_timeout(tracer.flush(Duration::from_millis(50))));
    // its time-out would close the connection in an hour
    assert!(answering.join().unwrap(), "the exporter still reads");
    let receiver = Receiver::on(address, []);
    tracer.flush(LONG).unwrap();
    assert_eq!(receiver.await_spans(1), ["span"]);
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
}

#[test]
fn an_answer_of_many_empty_gzip_members_costs_no_more_than_one() {
    let members = packed(b"").repeat(150_000);
    assert!(members.len() < 4 << 20);
    let receiver = Receiver::start([Step::Packed(members)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    // of a collector by its type, so not lost; that it is one member is a test beside the decoder
    tracer.flush(LONG).unwrap();
    assert_eq!(exporter.stats().sent, 1);
}

#[test]
fn a_check_names_a_success_that_is_not_otlp_and_the_wrong_port() {
    let resource = || hopline_core::Resource::new("orders");
    let receiver = Receiver::start([Step::Answer("text/html", b"<html>log in".to_vec())]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let error = exporter.check(resource()).unwrap_err().to_string();
    assert!(
        error.contains("200 OK with text/html, which is not OTLP"),
        "{error}"
    );
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");

    // the remedy is derived from the status, and not from a number in a peer's text
    let words = b"401 of 404 are not 415".to_vec();
    for (status, remedy) in [
        (401, "are the headers right"),
        (403, "are the headers right"),
        (404, "is the path right"),
        (405, "is the path right"),
        (415, "does it take this protocol"),
        (413, "is its limit for requests right"),
    ] {
        let receiver = Receiver::start([Step::Failure(status, "text/plain", words.clone())]);
        let exporter = patient(&receiver.url()).build().unwrap();
        let error = exporter.check(resource()).unwrap_err().to_string();
        assert!(error.contains(remedy), "{status}: {error}");
    }
    // and a peer's text is shown in one line of limited length
    let forged = r#"{"partialSuccess":{"rejectedSpans":1,"errorMessage":"no\u001b[2J\nhopline: all is well"}}"#;
    let forged = [forged.as_bytes(), &b" ".repeat(1000)].concat();
    let receiver = Receiver::start([Step::Answer("application/json", forged)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let error = exporter.check(resource()).unwrap_err().to_string();
    assert!(
        error.ends_with(r"refused the span: no\u{1b}[2J\nhopline: all is well"),
        "{error}"
    );

    let receiver = Receiver::start([Step::Failure(400, "text/plain", words)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let error = exporter.check(resource()).unwrap_err().to_string();
    assert!(
        error.ends_with("400 Bad Request: 401 of 404 are not 415"),
        "{error}"
    );
}

#[test]
fn accepted_spans_are_not_sent_again_when_the_answer_breaks_off() {
    let exporter = patient(&format!("http://{}", broken_answer()))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
}

#[test]
fn credentials_follow_no_redirect() {
    let other = Receiver::start([]);
    let receiver = Receiver::start([Step::Redirect(format!("{}/v1/traces", other.url()))]);
    let exporter = patient(&receiver.url())
        .headers([("api-key", "s3cret")])
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(!is_timeout(tracer.flush(LONG)));
    assert_eq!(exporter.stats().rejected, 1);
    assert!(other.received().is_empty());
}

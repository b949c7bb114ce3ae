//! Notices of responses that lose spans, through the notice hook of this process: one test, since there is one hook.
#![cfg(feature = "http")]

use hopline_test_support::LONG;
use hopline_test_support::notices::{await_notice, listen, notices};
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, Step, record, record_large, record_many, roomy};

#[test]
fn notices_name_the_request_that_is_too_large_and_the_answer_that_is_not_otlp() {
    listen();
    let receiver = Receiver::start([]);
    receiver.limit(100_000, Step::Status(413));
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = roomy(exporter);
    record_many(&tracer, 39);
    record_large(&tracer, "large", 400_000);
    tracer.flush(LONG).unwrap_err();
    let halved = await_notice("otlp-too-large");
    assert!(halved.contains("no request of 40 spans and 40"), "{halved}");
    assert!(
        halved.contains("413 Payload Too Large; it is sent in halves"),
        "{halved}"
    );
    let lost = await_notice("otlp-rejected");
    assert!(
        lost.starts_with("1 spans for ") && lost.contains("a span of 400"),
        "{lost}"
    );

    let page = b"<html>\x1b[2J".to_vec();
    let receiver = Receiver::start([Step::Answer("text/html", page)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = roomy(exporter);
    record(&tracer, "span");
    tracer.flush(LONG).unwrap_err();
    let foreign = await_notice("otlp-unconfirmed");
    assert!(
        foreign.contains("200 OK with text/html, which is not OTLP"),
        "{foreign}"
    );
    let printed = notices();
    assert!(
        printed.iter().all(|(_, message)| !message.contains('\x1b')),
        "{printed:?}"
    );
}

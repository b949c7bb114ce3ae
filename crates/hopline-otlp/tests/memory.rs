//! The memory for a hostile response: a binary of its own with one test, since a process has one peak.
#![cfg(all(feature = "http", target_os = "linux"))]

use hopline_core::Tracer;
use hopline_otlp::Exporter;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, Step, endless_answer, packed, record};

#[test]
fn a_gzip_bomb_costs_no_more_than_the_cap() {
    let zeros = packed(&vec![0; 300 << 20]);
    assert!(zeros.len() < 1 << 20);
    let partial = ExportTracePartialSuccess {
        rejected_spans: 1,
        error_message: String::new(),
    };
    let answer = ExportTraceServiceResponse {
        partial_success: Some(partial),
    };
    let receiver = Receiver::start([
        Step::Packed(zeros),
        Step::Packed(b"no gzip".to_vec()),
        Step::Packed(packed(&answer.encode_to_vec())),
        // each number takes two bytes here, and thirty-two once it is read
        Step::Answer(
            "application/json",
            [b"[0".to_vec(), b",0".repeat(2_000_000)].concat(),
        ),
    ]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    let before = peak_memory();
    for (ok, expected) in [
        (false, (0, 0, 1)),
        (true, (1, 0, 1)),
        (false, (1, 1, 1)),
        (true, (2, 1, 1)),
    ] {
        record(&tracer, "span");
        assert_eq!(tracer.flush(LONG).is_ok(), ok);
        let stats = exporter.stats();
        assert_eq!((stats.sent, stats.rejected, stats.unconfirmed), expected);
    }
    assert_eq!(receiver.received().len(), 4);

    // and one that is really so long
    let (address, answering) = endless_answer();
    let exporter = Exporter::builder()
        .endpoint(format!("http://{address}"))
        .build()
        .unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record(&tracer, "span");
    tracer.flush(LONG).unwrap_err();
    assert_eq!(exporter.stats().unconfirmed, 1);
    answering.join().unwrap();

    let more = peak_memory() - before;
    assert!(more < 32 << 20, "{more} bytes more than before");
}

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

//! Notices of the exporter, through the hook of this process: one test, since there is one hook.
#![cfg(feature = "http")]

use std::time::Duration;

use hopline_core::Tracer;
use hopline_otlp::Exporter;

use hopline_test_support::notices::{await_notice, listen, notices};
use hopline_test_support::otlp::{Receiver, Step, free_address, record_many};

#[test]
fn a_loss_and_an_outage_give_a_notice_at_their_start_and_at_their_end() {
    listen();
    let address = free_address();
    let endpoint = format!("http://user:s3cret@{address}");
    let exporter = Exporter::builder()
        .endpoint(endpoint)
        .queue(10)
        .schedule_delay(Duration::ZERO)
        .build()
        .unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record_many(&tracer, 8);
    let outage = await_notice("otlp-unreachable");
    assert!(
        outage.contains(&address.to_string()) && outage.contains("refused"),
        "{outage}"
    );

    record_many(&tracer, 8);
    tracer.flush(Duration::from_millis(10)).unwrap_err();
    assert!(await_notice("otlp-loss").contains("full (10 spans or "));
    assert_eq!(exporter.stats().dropped, 8);

    let receiver = Receiver::on(address, [Step::Status(503)]);
    assert!(await_notice("otlp-reachable").contains("answers again"));
    assert!(await_notice("otlp-loss-end").contains("8 were lost"));
    assert_eq!(receiver.await_spans(8).len(), 8);

    let printed = notices();
    assert!(
        printed
            .iter()
            .all(|(_, message)| !message.contains("s3cret")),
        "{printed:?}"
    );
    assert_eq!(printed.len(), 4, "{printed:?}");
}

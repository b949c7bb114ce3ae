//! What the exporter says, through the notice hook of this process: one test, since there is one hook.
#![cfg(feature = "http")]

mod support;

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use hopline_core::{Tracer, set_notice_hook};
use hopline_otlp::Exporter;

use support::{LONG, Receiver, Step, free_address, record_many};

static SAID: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static MORE: Condvar = Condvar::new();

/// Waits for a notice of this kind.
fn heard(kind: &str) -> String {
    let said = SAID.lock().unwrap();
    let missing = |said: &mut Vec<(String, String)>| said.iter().all(|(known, _)| known != kind);
    let (said, waited) = MORE.wait_timeout_while(said, LONG, missing).unwrap();
    assert!(!waited.timed_out(), "no {kind} among {said:?}");
    said.iter()
        .find(|(known, _)| known == kind)
        .unwrap()
        .1
        .clone()
}

#[test]
fn a_loss_and_an_outage_are_said_at_their_start_and_at_their_end() {
    set_notice_hook(|notice| {
        SAID.lock()
            .unwrap()
            .push((notice.kind.to_owned(), notice.message.to_owned()));
        MORE.notify_all();
    });
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
    let outage = heard("otlp-unreachable");
    assert!(
        outage.contains(&address.to_string()) && outage.contains("refused"),
        "{outage}"
    );

    record_many(&tracer, 8);
    tracer.flush(Duration::from_millis(10)).unwrap_err();
    assert!(heard("otlp-loss").contains("full (10 spans or "));
    assert_eq!(exporter.stats().dropped, 8);

    let receiver = Receiver::on(address, [Step::Status(503)]);
    assert!(heard("otlp-reachable").contains("answers again"));
    assert!(heard("otlp-loss-end").contains("8 were lost"));
    assert_eq!(receiver.await_spans(8).len(), 8);

    let said = SAID.lock().unwrap();
    assert!(
        said.iter().all(|(_, message)| !message.contains("s3cret")),
        "{said:?}"
    );
    assert_eq!(said.len(), 4, "{said:?}");
}

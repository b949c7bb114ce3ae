//! A notice hook that panics: a binary of its own, since there is one hook in a process.
#![cfg(feature = "http")]

use std::sync::atomic::{AtomicU32, Ordering};

use hopline_core::{Notice, Tracer, set_notice_hook};

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, Step, record};

static CALLED: AtomicU32 = AtomicU32::new(0);

#[test]
fn the_export_thread_survives_a_panic_of_the_hook() {
    set_notice_hook(|_| {
        CALLED.fetch_add(1, Ordering::Relaxed);
        panic!("a hook's bug");
    });
    // an outage, its end, and a refusal: each is printed
    let receiver = Receiver::start([Step::Status(503), Step::Status(200), Step::Status(400)]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    for (name, taken) in [("first", true), ("refused", false), ("last", true)] {
        record(&tracer, name);
        assert_eq!(tracer.flush(LONG).is_ok(), taken, "{name}");
    }
    assert_eq!(receiver.await_spans(2), ["first", "last"]);
    assert_eq!(receiver.received().len(), 4, "no request was made anew");
    assert!(Notice::flush(LONG));
    assert_eq!(CALLED.load(Ordering::Relaxed), 3);
    let stats = exporter.stats();
    assert_eq!((stats.sent, stats.rejected, stats.lost()), (2, 1, 1));
}

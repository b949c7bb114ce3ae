//! An exporter after a fork, in a real child.
#![cfg(all(unix, feature = "http"))]

use std::time::Duration;

use fork::{Fork, fork, waitpid};
use hopline_core::{Tracer, propagation::reseed_after_fork};

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, record};

// The only test of this binary: a child has the thread that forked and no other.
#[test]
fn a_forked_child_exports_its_own_spans_and_none_of_its_parent() {
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record(&tracer, "before");
    let child = match fork().unwrap() {
        Fork::Child => {
            let right = in_child(&tracer, &receiver.url());
            // the parent's test harness is not to go on here as well
            std::process::exit(i32::from(!right));
        }
        Fork::Parent(child) => child,
    };
    assert_eq!(waitpid(child).unwrap(), 0);
    assert_eq!(receiver.await_spans(1), ["child"]);
    tracer.shutdown(LONG).unwrap();
    assert_eq!(receiver.await_spans(2), ["child", "before"]);
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
}

/// True if the inherited exporter is dead but blocks no caller, and one built here works.
fn in_child(inherited: &Tracer, url: &str) -> bool {
    reseed_after_fork();
    record(inherited, "to nowhere");
    let waited = inherited.flush(Duration::from_millis(100));
    let own = patient(url).build().unwrap();
    let tracer = Tracer::builder().sink(own.clone()).build();
    record(&tracer, "child");
    let sent = tracer.shutdown(LONG);
    waited.is_err_and(|error| error.is_timeout()) && sent.is_ok() && own.stats().sent == 1
}

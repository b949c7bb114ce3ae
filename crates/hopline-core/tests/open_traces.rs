//! Traces that are open at shutdown: a stream of events, a job that hangs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::{Context, span};
use hopline_test_support::start::{clocked, names, root};
use hopline_testing::tracer_with;

#[test]
fn finished_spans_of_an_open_trace_are_exported_at_shutdown_and_open_ones_counted() {
    let (tracer, memory) = tracer_with(|tracer| tracer);
    let mut stream = root(&tracer, "GET /events");
    let open = stream.in_scope(|| {
        span("subscribe").end();
        let open = span("wait");
        span("first event").end_with(|| [hopline_core::attr("event", 1)]);
        open
    });
    // with nothing finished, and with nothing left of it
    let idle = root(&tracer, "idle");
    root(&tracer, "done").end();
    assert_eq!(names(&memory), ["done"]);
    tracer.shutdown(Duration::ZERO).unwrap();
    assert_eq!(names(&memory), ["subscribe", "first event"]);
    assert_eq!(tracer.stats().unfinished, 3);
    // once, and what ends later is given to the sinks, which count it
    tracer.shutdown(Duration::ZERO).unwrap();
    assert_eq!(names(&memory), [""; 0]);
    assert_eq!(tracer.stats().unfinished, 3);
    drop((open, stream, idle));
    let mut late = names(&memory);
    late.sort();
    assert_eq!(late, ["GET /events", "idle", "wait"]);
    assert_eq!(tracer.stats().handed_over, 6);
}

#[test]
fn a_trace_that_may_be_discarded_is_not_exported_at_shutdown() {
    for (fails, expected) in [(false, &[][..]), (true, &["child"][..])] {
        let (tracer, _, memory) = clocked("* 0%; keep errors");
        let mut stream = root(&tracer, "stream");
        stream.in_scope(|| {
            let child = span("child");
            if fails {
                child.fail("timeout");
            }
            child.end();
        });
        tracer.shutdown(Duration::ZERO).unwrap();
        assert_eq!(names(&memory), expected, "fails: {fails}");
        assert_eq!(tracer.stats().unfinished, u64::from(fails));
        drop(stream);
    }
}

#[test]
fn shutdown_meets_traces_that_begin_and_end_at_the_same_time() {
    for _ in 0..50 {
        let (tracer, memory) = tracer_with(|tracer| tracer);
        let begun = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    loop {
                        let mut request = root(&tracer, "request");
                        if !request.is_recording() {
                            return;
                        }
                        request.in_scope(|| Context::current().set("key", 1));
                        begun.fetch_add(1, Relaxed);
                    }
                });
            }
            tracer.shutdown(Duration::ZERO).unwrap();
        });
        let begun = begun.into_inner();
        assert_eq!(memory.take().len() as u64, begun, "each once");
        assert_eq!(tracer.stats().handed_over, begun);
    }
}

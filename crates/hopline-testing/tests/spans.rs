//! Waiting for spans, and the messages of failed assertions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hopline_core::{Incoming, InstrumentationScope, SpanBuilder};
use hopline_testing::{assert_tree, tracer};

fn message(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_time_out_shows_what_there_is() {
    let (tracer, spans) = tracer("jobs");
    SpanBuilder::new("job")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
        .end();
    let printed = message(move || drop(spans.wait_for(2, Duration::from_millis(1))));
    assert!(
        printed.contains("waited for 2 spans, there are 1") && printed.contains("job ▸ jobs"),
        "{printed}"
    );
}

#[test]
fn another_tree_is_shown_line_by_line() {
    let (tracer, spans) = tracer("jobs");
    SpanBuilder::new("job")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
        .end();
    let printed = message(move || assert_tree(&spans.all(), "task ▸ jobs"));
    assert!(
        printed.ends_with("- task ▸ jobs\n+ job ▸ jobs\n"),
        "{printed}"
    );
}

#[test]
fn a_span_is_of_the_library_that_recorded_it() {
    static SCOPE: InstrumentationScope = InstrumentationScope::new("jobs-client", "1.0.0");
    let (tracer, spans) = tracer("jobs");
    for builder in [
        SpanBuilder::new("task"),
        SpanBuilder::new("job").scope(&SCOPE),
    ] {
        builder
            .tracer(&tracer)
            .parent(Incoming::default())
            .start()
            .end();
    }
    spans.one("job").scope("jobs-client");
    spans.one("task").scope("hopline");
    let printed = message(move || drop(spans.one("job").scope("hopline")));
    assert!(printed.contains("the scope of"), "{printed}");
}

#[test]
fn one_means_one() {
    let (tracer, spans) = tracer("jobs");
    for _ in 0..2 {
        SpanBuilder::new("job")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start()
            .end();
    }
    let printed = message(move || drop(spans.one("job")));
    assert!(
        printed.starts_with("there are 2 spans named `job`, not one"),
        "{printed}"
    );
}

#[tokio::test]
async fn waiting_does_not_block_the_runtime() {
    let (tracer, spans) = tracer("jobs");
    let job = SpanBuilder::new("job")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let waiting = tokio::spawn(spans.wait(1));
    tokio::task::yield_now().await;
    job.end();
    let seen = tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen[0].name, "job");
}

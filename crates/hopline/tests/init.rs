//! Starting and stopping telemetry; a binary of its own, since there is one installed tracer in a process.

use std::time::Duration;

use hopline::core::Incoming;
use hopline::{FutureExt, SpanBuilder};
use hopline_testing::Spans;

#[tokio::test]
async fn telemetry_starts_once_and_what_was_given_no_tracer_uses_it() {
    let spans = Spans::new();
    let telemetry = hopline::builder("orders")
        .without_exporter()
        .sink(spans.sink())
        .init()
        .unwrap();
    let again = hopline::builder("orders")
        .without_exporter()
        .init()
        .unwrap_err();
    assert!(again.is_already_installed(), "{again}");

    let request = SpanBuilder::new("request")
        .parent(Incoming::default())
        .start();
    async {
        let task = hopline::spawn(async { hopline::span("mail.send").end() });
        task.await.unwrap();
        tokio::spawn(async { assert!(hopline::Context::current().span_context().is_none()) })
            .await
            .unwrap();
    }
    .in_span(request)
    .await;
    let finished = spans.wait_for(2, Duration::from_secs(5));
    assert_eq!(finished[1].name, "mail.send");
    assert_eq!(finished[1].parent, Some(finished[0].span_id));

    telemetry.try_shutdown().await.unwrap();
    let late = SpanBuilder::new("late").parent(Incoming::default()).start();
    assert!(!late.is_recording());
}

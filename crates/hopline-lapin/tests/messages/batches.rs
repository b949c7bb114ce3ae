//! Messages that are handled together.

use std::convert::Infallible;

use futures_util::StreamExt;
use hopline_core::{SpanContext, SpanKind};
use hopline_lapin::{Batch, Outcome, RunOptions};

use crate::support::*;

rows!(
    a_batch_is_what_is_there_and_no_more,
    a_batch_links_to_every_message,
    a_runner_handles_batches,
    a_batch_that_fails_fails_together,
    the_end_comes_after_the_last_batch,
);

const OUTCOME: &str = "hopline.messaging.outcome";

/// Publishes `count` messages; returns a consumer that has received all.
async fn fetched(setup: &Setup, count: u16) -> hopline_lapin::Consumer {
    setup.prefetch(count).await;
    let bodies: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    let messages = bodies
        .iter()
        .map(|body| setup.channel.publish("", &setup.queue, body.as_bytes()));
    assert!(
        setup
            .channel
            .publish_all(messages)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let consumer = setup.consume().await;
    setup.until_waiting(&setup.queue, 0).await;
    // what was sent before this answer has arrived with it
    setup
        .channel
        .basic_qos(count, Default::default())
        .await
        .unwrap();
    consumer
}

fn bodies(batch: &Batch) -> Vec<String> {
    let bodies = batch.deliveries().iter().map(|one| one.body());
    bodies
        .map(|body| String::from_utf8(body.to_vec()).unwrap())
        .collect()
}

async fn a_batch_is_what_is_there_and_no_more(setup: Setup) {
    let mut batches = fetched(&setup, 7).await.batches(3);
    let mut seen = Vec::new();
    while seen.len() < 7 {
        let batch = in_time(batches.next()).await.unwrap().unwrap();
        assert!((1..=3).contains(&batch.deliveries().len()));
        seen.extend(bodies(&batch));
        assert!(batch.settle(Outcome::Ack).await.unwrap());
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    setup.end().await;
}

async fn a_batch_links_to_every_message(setup: Setup) {
    let mut batches = fetched(&setup, 5).await.batches(100);
    let batch = in_time(batches.next()).await.unwrap().unwrap();
    batch.process_span().end();
    assert!(batch.settle(Outcome::Ack).await.unwrap());
    let published = setup.spans.named("publish.message");
    let count = i64::try_from(batch.deliveries().len()).unwrap();
    let process = setup
        .spans
        .one("process.batch")
        .root()
        .kind(SpanKind::Consumer)
        .attribute("messaging.batch.message_count", count)
        .attribute("messaging.operation.type", "process")
        .attribute("messaging.destination.name", setup.queue.as_str())
        .succeeded();
    let linked = process.links.iter().map(|link| link.span_context.span_id());
    let linked: Vec<_> = linked.collect();
    let expected: Vec<_> = batch
        .deliveries()
        .iter()
        .filter_map(|one| one.publisher())
        .map(SpanContext::span_id)
        .collect();
    assert_eq!(linked, expected);
    assert!(
        linked
            .iter()
            .all(|id| published.iter().any(|span| span.span_id == *id))
    );
    setup.end().await;
}

async fn a_runner_handles_batches(setup: Setup) {
    let consumer = fetched(&setup, 30).await;
    let handled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = handled.clone();
    let done = std::sync::Arc::new(tokio::sync::Notify::new());
    let signal = done.clone();
    let handler = move |batch: Batch| {
        let (handled, signal) = (counting.clone(), signal.clone());
        async move {
            // one of them is settled in another way than the rest
            for one in batch.deliveries().iter().filter(|one| one.body() == b"7") {
                assert!(one.settle(Outcome::Reject).await.unwrap());
            }
            let count = batch.deliveries().len();
            if handled.fetch_add(count, std::sync::atomic::Ordering::SeqCst) + count == 30 {
                signal.notify_one();
            }
            Ok::<_, Infallible>(())
        }
    };
    let options = RunOptions::default().concurrency(2);
    in_time(consumer.run_batches(10, handler, options, done.notified()))
        .await
        .unwrap();
    let spans = setup.spans.named("process.batch");
    let counts = spans.iter().map(|span| {
        span.attribute("messaging.batch.message_count")
            .unwrap()
            .as_i64()
            .unwrap()
    });
    assert_eq!(counts.sum::<i64>(), 30);
    assert!(
        spans
            .iter()
            .all(|span| !span.is_error() && span.text(OUTCOME) == Some("ack"))
    );
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.end().await;
}

async fn a_batch_that_fails_fails_together(setup: Setup) {
    let consumer = fetched(&setup, 4).await;
    let handler = |batch: Batch| async move {
        if batch.deliveries().iter().all(|one| one.redelivered) {
            Ok(Outcome::Ack)
        } else {
            Err("not at first")
        }
    };
    let shutdown = async {
        loop {
            let seen = setup.spans.all().len();
            let spans = setup.spans.named("process.batch");
            let acked = spans
                .iter()
                .filter(|span| span.text(OUTCOME) == Some("ack"));
            let counts = acked.map(|span| {
                span.attribute("messaging.batch.message_count")
                    .unwrap()
                    .as_i64()
                    .unwrap()
            });
            if counts.sum::<i64>() == 4 {
                return;
            }
            setup.finished(seen + 1).await;
        }
    };
    let options = RunOptions::default()
        .on_error(Outcome::Requeue)
        .concurrency(1);
    in_time(consumer.run_batches(100, handler, options, shutdown))
        .await
        .unwrap();
    let spans = setup.spans.named("process.batch");
    assert_eq!(spans[0].text("error.type"), Some("handler_error"));
    assert_eq!(spans[0].text(OUTCOME), Some("requeue"));
    let again = spans.last().unwrap();
    assert_eq!(
        again.attribute("hopline.messaging.redelivered"),
        Some(&true.into())
    );
    setup.end().await;
}

async fn the_end_comes_after_the_last_batch(setup: Setup) {
    let mut batches = fetched(&setup, 2).await.batches(100);
    setup.delete(&setup.queue).await;
    let mut seen = Vec::new();
    while let Some(batch) = in_time(batches.next()).await {
        seen.extend(bodies(&batch.unwrap()));
    }
    assert_eq!(seen, ["0", "1"]);
    setup.connection.close(200, "bye".into()).await.unwrap();
}

//! Messages whose handlers fail: counted retries, published dead letters.

use std::convert::Infallible;

use futures_util::StreamExt;
use hopline_lapin::{Channel, Delivery, Outcome, RunOptions};
use lapin::options::*;
use lapin::types::AMQPValue;

use crate::support::*;

rows!(
    retries_end_at_their_limit,
    what_is_given_up_is_handed_over,
    what_cannot_be_handed_over_is_not_lost,
    a_reject_is_dead_lettered_by_the_queue,
    a_handler_may_settle_by_itself,
    a_limit_turns_confirms_on,
    names_that_are_too_long_are_refused_at_the_start,
);

const OUTCOME: &str = "hopline.messaging.outcome";

async fn fail(_: Delivery) -> Result<(), &'static str> {
    Err("it never works")
}

async fn retries_end_at_their_limit(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let options = RunOptions::default()
        .concurrency(1)
        .on_error(Outcome::Requeue)
        .max_retries(3);
    run_until(&setup, 4, options, fail).await;
    let spans = setup.spans.named("process.message");
    let again = Some("requeue");
    assert_eq!(
        texts(&spans, OUTCOME),
        [again, again, again, Some("reject")]
    );
    let retries: Vec<i64> = spans
        .iter()
        .map(|span| {
            span.attribute("retry_count")
                .map_or(0, |count| count.as_i64().unwrap())
        })
        .collect();
    assert_eq!(retries, [0, 1, 2, 3]);
    let redelivered = spans
        .iter()
        .map(|span| span.attribute("hopline.messaging.redelivered").is_some());
    assert_eq!(redelivered.collect::<Vec<_>>(), [false, true, true, true]);
    if setup.queue_type == QueueType::Quorum {
        let last = &spans[3];
        assert_eq!(
            last.attribute("hopline.messaging.delivery_count"),
            Some(&4.into())
        );
    }
    // all of them attempts at what was published once
    assert!(spans.iter().all(|span| span.parent == spans[0].parent));
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.end().await;
}

async fn what_is_given_up_is_handed_over(setup: Setup) {
    let letters = setup.declare(Default::default()).await;
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .message_id("m-1");
    message
        .header("x-own", AMQPValue::LongInt(1))
        .mandatory()
        .await
        .unwrap();
    setup.spans.take();
    let options = RunOptions::default()
        .concurrency(1)
        .on_error(Outcome::Requeue)
        .max_retries(1)
        .dead_letter("", &letters);
    run_until(&setup, 2, options, fail).await;
    let spans = setup.spans.named("process.message");
    assert_eq!(
        texts(&spans, OUTCOME),
        [Some("requeue"), Some("dead_letter")]
    );
    let letter = setup.get(&letters).await;
    assert_eq!(letter.body(), b"7");
    assert_eq!(
        letter.properties.message_id().as_ref().unwrap().as_str(),
        "m-1"
    );
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(
        headers.inner()["hopline-dead-letter-reason"],
        text("handler_error")
    );
    assert_eq!(
        headers.inner()["hopline-dead-letter-queue"],
        text(&setup.queue)
    );
    assert_eq!(headers.inner()["x-own"], AMQPValue::LongInt(1));
    assert!(!headers.contains_key("hopline-retry-count"));
    // the letter comes from the failed attempt, and that from the first publish
    let handed_over = setup.spans.named("publish.message").pop().unwrap();
    assert_eq!(handed_over.parent, Some(spans[1].span_id));
    assert_eq!(letter.publisher().unwrap().span_id(), handed_over.span_id);
    assert_eq!(
        Some(handed_over.links[0].span_context.span_id()),
        spans[0].parent
    );
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    setup.end().await;
}

async fn what_cannot_be_handed_over_is_not_lost(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let options = RunOptions::default()
        .concurrency(1)
        .dead_letter("", "nowhere-at-all");
    let handler = |delivery: Delivery| async move {
        if delivery.redelivered {
            Ok(Outcome::Ack)
        } else {
            Ok::<_, Infallible>(Outcome::Reject)
        }
    };
    run_until(&setup, 2, options, handler).await;
    let spans = setup.spans.named("process.message");
    assert_eq!(
        texts(&spans, "error.type"),
        [Some("dead_letter_failed"), None]
    );
    let publish = setup.spans.one("publish.message").failed("unroutable");
    assert_eq!(publish.parent, Some(spans[0].span_id));
    setup.end().await;
}

async fn a_reject_is_dead_lettered_by_the_queue(setup: Setup) {
    let dying = setup.declare_dying_to(&setup.queue).await;
    setup
        .channel
        .publish("", &dying, b"x")
        .mandatory()
        .await
        .unwrap();
    let consumer = setup
        .consume_with(&dying, BasicConsumeOptions::default())
        .await;
    let shutdown = async { drop(setup.named("process.message", 1).await) };
    consumer
        .run(fail, RunOptions::default(), shutdown)
        .await
        .unwrap();
    let letter = setup.get(&setup.queue).await;
    assert_eq!(letter.retry_count(), 0, "its first time in this queue");
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&dying).await;
    setup.end().await;
}

async fn a_handler_may_settle_by_itself(setup: Setup) {
    setup.publish(b"x").await;
    let handler = |delivery: Delivery| async move {
        assert!(delivery.settle(Outcome::Ack).await.unwrap());
        Ok::<_, Infallible>(())
    };
    run_until(&setup, 1, RunOptions::default(), handler).await;
    setup
        .spans
        .one("process.message")
        .succeeded()
        .attribute(OUTCOME, "ack");
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.end().await;
}

/// A dead letter without a confirm could be lost.
async fn a_limit_turns_confirms_on(setup: Setup) {
    let channel = setup.connection.create_channel().await.unwrap();
    let channel = hopline_lapin::ChannelExt::traced(&channel).tracer(setup.tracer.clone());
    let setup = setup.over(|_: Channel| channel);
    assert!(!setup.channel.status().confirm());
    let mut consumer = setup.consume().await;
    setup.channel.publish("", &setup.queue, b"x").await.unwrap();
    in_time(consumer.next())
        .await
        .unwrap()
        .unwrap()
        .settle(Outcome::Requeue)
        .await
        .unwrap();
    let shutdown = async { drop(setup.named("process.message", 2).await) };
    let options = RunOptions::default()
        .max_retries(0)
        .on_error(Outcome::Requeue);
    consumer.run(fail, options, shutdown).await.unwrap();
    assert!(setup.channel.status().confirm());
    let attempts = setup.spans.named("process.message");
    assert_eq!(texts(&attempts, OUTCOME), [Some("requeue"), Some("reject")]);
    setup.end().await;
}

async fn names_that_are_too_long_are_refused_at_the_start(setup: Setup) {
    let long = "n".repeat(256);
    for (exchange, key) in [(long.as_str(), ""), ("", long.as_str())] {
        let consumer = setup.consume().await;
        let options = RunOptions::default().dead_letter(exchange, key);
        let refused = consumer.run(fail, options, std::future::pending()).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("longer than 255 bytes"), "{error}");
    }
    setup.until_unused().await;
    setup.end().await;
}

//! Losing the broker: against the one that can be told to go.

use std::convert::Infallible;
use std::sync::Arc;

use hopline_core::SpanData;
use hopline_lapin::{Delivery, End, PublishError, RunOptions};
use hopline_testing::amqp::Broker;
use lapin::ConnectionProperties;
use tokio::sync::Notify;

use crate::support::*;

async fn setup(broker: &Broker) -> Setup {
    Setup::new(&broker.url(), Kind::Classic).await
}

async fn recovering(broker: &Broker) -> Setup {
    let properties = ConnectionProperties::default().enable_auto_recover();
    Setup::with(&broker.url(), Kind::Classic, properties).await
}

#[tokio::test]
async fn a_publish_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    broker.cut_connections();
    let lost = async {
        loop {
            let message = setup.channel.publish("", &setup.queue, b"x").mandatory();
            // without auto-recovery there is nothing to wait for
            if let Err(error) = message.resend().await {
                return error;
            }
        }
    };
    let lost = in_time(lost).await;
    assert!(matches!(lost, PublishError::Lapin(_)));
    assert!(setup.channel.wait_for_recovery(lost).await.is_err());
    assert!(setup.spans.all().last().unwrap().is_error());
}

#[tokio::test]
async fn a_runner_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    let consumer = setup.consume().await;
    let handler = |_| async { Ok::<_, Infallible>(()) };
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    broker.cut_connections();
    let end = in_time(running).await.unwrap();
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn publishers_wait_for_recovery_and_resume() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    setup.publish(b"before").await;
    setup.spans.take();
    let stalled = broker.stall();
    let message = setup
        .channel
        .publish("", &setup.queue, b"in between")
        .mandatory();
    let mut publishing = Box::pin(message.resend().into_future());
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut publishing);
    assert!(early.await.is_err());
    broker.cut_connections();
    drop(stalled);
    in_time(publishing).await.unwrap();
    let publish = setup.spans.one("publish.message").succeeded();
    let resent = publish.number("hopline.messaging.resend_count");
    assert!(resent.is_some_and(|count| count >= 1), "{:#?}", *publish);
    // by hand the same
    broker.cut_connections();
    let by_hand = async {
        while let Err(error) = setup.channel.publish("", &setup.queue, b"after").await {
            setup.channel.wait_for_recovery(error).await.unwrap();
        }
    };
    in_time(by_hand).await;
}

trait Number {
    fn number(&self, key: &str) -> Option<i64>;
}

impl Number for SpanData {
    fn number(&self, key: &str) -> Option<i64> {
        self.attribute(key)?.as_i64()
    }
}

/// What was prefetched is passed over, what had begun cannot be settled; all of it comes again, and says so.
#[tokio::test]
async fn a_runner_goes_on_after_recovery() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    setup.prefetch(3).await;
    for body in [b"1", b"2", b"3"] {
        setup.publish(body).await;
    }
    setup.spans.take();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, wait) = (begun.clone(), go_on.clone());
    let handler = move |delivery: Delivery| {
        let (begin, wait) = (begin.clone(), wait.clone());
        async move {
            if delivery.body() == b"1" && !delivery.redelivered() {
                begin.notify_one();
                wait.notified().await;
            }
            Ok::<_, Infallible>(())
        }
    };
    let cut = async {
        begun.notified().await;
        broker.cut_connections();
        // recovered when publishing works again
        setup
            .channel
            .publish("", &setup.queue, b"4")
            .resend()
            .await
            .unwrap();
        go_on.notify_one();
        drop(setup.named("process.message", 5).await);
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(1);
    let end = in_time(consumer.run(handler, options, cut)).await.unwrap();
    assert_eq!(end, End::Shutdown);
    let process = setup.spans.named("process.message");
    assert_eq!(process.len(), 5, "{}", setup.spans.tree());
    let (lost, settled): (Vec<_>, Vec<_>) = process
        .iter()
        .partition(|span| span.text("error.type") == Some("settle_lost"));
    assert_eq!((lost.len(), settled.len()), (1, 4));
    let again = settled
        .iter()
        .filter(|span| span.attribute("hopline.messaging.redelivered") == Some(&true.into()));
    assert_eq!(again.count(), 3, "what the broker had sent before");
    assert_eq!(setup.waiting(&setup.queue).await, 0);
}

/// Nothing is left open by a runner that nobody waits for.
#[tokio::test]
async fn a_runner_that_is_dropped_ends_its_spans() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    setup.publish(b"x").await;
    let begun = Arc::new(Notify::new());
    let begin = begun.clone();
    let handler = move |_: Delivery| {
        let begin = begin.clone();
        async move {
            begin.notify_one();
            std::future::pending::<Result<(), Infallible>>().await
        }
    };
    let consumer = setup.consume().await;
    let running =
        tokio::spawn(consumer.run(handler, RunOptions::default(), std::future::pending()));
    in_time(begun.notified()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    setup.named("process.message", 1).await;
    let process = setup.spans.one("process.message");
    assert!(!process.is_error());
    process
        .attribute("error.type", "cancelled")
        .attribute("hopline.messaging.outcome", "abandoned");
}

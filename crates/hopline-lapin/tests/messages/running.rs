//! The runner.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hopline_core::span;
use hopline_lapin::{ChannelExt, Delivery, Outcome, RunOptions, StopReason};
use lapin::options::*;
use tokio::sync::{Barrier, Notify};
use tower::{BoxError, Service, ServiceBuilder};

use crate::support::*;

rows!(
    outcomes_settle_and_are_on_the_span,
    a_requeued_message_counts_its_retries,
    shutdown_hands_back_what_waits_and_finishes_what_runs,
    concurrency_limits_running_handlers,
    ten_thousand_messages_are_each_handled_once,
    a_deleted_queue_ends_the_runner,
    a_channel_error_ends_the_runner_and_its_spans,
    messages_that_need_no_answer_are_all_handled,
    what_takes_longer_than_the_drain_is_abandoned,
    handlers_can_have_towers_timeout,
    handlers_can_have_towers_concurrency_limit,
    handlers_can_have_towers_retry,
    handlers_can_have_towers_load_shed,
);

async fn outcomes_settle_and_are_on_the_span(setup: Setup) {
    for body in ["ok", "fail", "panic", "slow", "reject"] {
        setup.publish(body.as_bytes()).await;
    }
    setup.spans.take();
    let handler = |delivery: Delivery| async move {
        match delivery.body() {
            b"fail" => Err("bad payload"),
            b"panic" => panic!("handler's bug"),
            b"slow" => std::future::pending().await,
            b"reject" => Ok(Outcome::Reject),
            _ => Ok(Outcome::Ack),
        }
    };
    let options = RunOptions::default()
        .concurrency(1)
        .timeout(Duration::from_millis(50));
    run_until(&setup, 5, options, handler).await;
    let spans = setup.spans.take();
    let seen: Vec<(Option<&str>, Option<&str>)> = spans
        .iter()
        .map(|span| {
            (
                span.text("error.type"),
                span.text("hopline.messaging.outcome"),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (None, Some("ack")),
            (Some("handler_error"), Some("reject")),
            (Some("panic"), Some("reject")),
            (Some("timeout"), Some("reject")),
            (None, Some("reject")),
        ]
    );
    assert_eq!(spans.iter().filter(|span| span.is_error()).count(), 3);
    let left = setup
        .channel
        .queue_purge(setup.queue.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();
    assert_eq!(left, 0);
    setup.end().await;
}

async fn a_requeued_message_counts_its_retries(setup: Setup) {
    setup.publish(b"x").await;
    let handler = |delivery: Delivery| async move {
        if delivery.redelivered {
            Ok(())
        } else {
            Err("the first attempt fails")
        }
    };
    run_until(
        &setup,
        2,
        RunOptions::default().on_error(Outcome::Requeue),
        handler,
    )
    .await;
    let attempts = setup.spans.named("process.message");
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|span| span.text("hopline.messaging.outcome").unwrap())
        .collect();
    assert_eq!(outcomes, ["requeue", "ack"]);
    assert_eq!(attempts[0].attribute("retry_count"), None);
    assert_eq!(attempts[1].attribute("retry_count"), Some(&1.into()));
    assert_eq!(
        attempts[1].attribute("hopline.messaging.redelivered"),
        Some(&true.into())
    );
    assert_eq!(attempts[0].parent, attempts[1].parent);
    setup.end().await;
}

async fn shutdown_hands_back_what_waits_and_finishes_what_runs(setup: Setup) {
    let begun = Arc::new(Notify::new());
    for _ in 0..3 {
        setup.publish(b"x").await;
    }
    setup.spans.take();
    let (signal, released) = (begun.clone(), Arc::new(Notify::new()));
    let gate = released.clone();
    let handler = move |_: Delivery| {
        let (signal, gate) = (signal.clone(), gate.clone());
        async move {
            signal.notify_one();
            gate.notified().await;
            Ok::<_, Infallible>(())
        }
    };
    let shutdown = async {
        begun.notified().await;
        released.notify_one();
    };
    let end = setup
        .consume()
        .await
        .run(handler, RunOptions::default().concurrency(1), shutdown)
        .await
        .unwrap();
    assert_eq!(end, StopReason::Shutdown);
    assert_eq!(
        setup.finished(1).await.len(),
        1,
        "only what had begun was handled"
    );
    // what the broker had sent and not yet counted as cancelled comes back with the channel's end
    setup.channel.close(200, "bye".into()).await.unwrap();
    setup.until_waiting(&setup.queue, 2).await;
    let channel = confirming(&setup.connection).await.traced();
    setup.over(|_| channel).end().await;
}

async fn concurrency_limits_running_handlers(setup: Setup) {
    setup.prefetch(20).await;
    for _ in 0..12 {
        setup.publish(b"x").await;
    }
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let all_in = Arc::new(Barrier::new(4));
    let (counting, highest) = (now.clone(), most.clone());
    let handler = move |_: Delivery| {
        let (now, most, all_in) = (counting.clone(), highest.clone(), all_in.clone());
        async move {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            all_in.wait().await;
            now.fetch_sub(1, SeqCst);
            Ok::<_, Infallible>(())
        }
    };
    run_until(&setup, 12, RunOptions::default().concurrency(4), handler).await;
    assert_eq!((now.load(SeqCst), most.load(SeqCst)), (0, 4));
    setup.end().await;
}

/// At-least-once, by a ledger: what was published was handled, and every delivery has one span with its outcome.
async fn ten_thousand_messages_are_each_handled_once(setup: Setup) {
    const COUNT: usize = 10_000;
    setup.prefetch(500).await;
    let bodies: Vec<[u8; 4]> = (0..COUNT as u32).map(u32::to_be_bytes).collect();
    for bodies in bodies.chunks(1_000) {
        let messages = bodies
            .iter()
            .map(|body| setup.channel.publish("", &setup.queue, body));
        let results = setup.channel.publish_all(messages).await;
        assert!(results.iter().all(Result::is_ok));
    }
    setup.spans.take();
    let ledger = Arc::new((0..COUNT).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>());
    let (page, left) = (ledger.clone(), Arc::new(AtomicUsize::new(COUNT)));
    let done = Arc::new(Notify::new());
    let signal = done.clone();
    let handler = move |delivery: Delivery| {
        let number = u32::from_be_bytes(delivery.body().try_into().unwrap()) as usize;
        if page[number].fetch_add(1, SeqCst) == 0 && left.fetch_sub(1, SeqCst) == 1 {
            signal.notify_one();
        }
        async { Ok::<_, Infallible>(()) }
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(100);
    in_time(consumer.run(handler, options, done.notified()))
        .await
        .unwrap();
    assert!(ledger.iter().all(|count| count.load(SeqCst) == 1));
    let spans = setup.spans.named("process.message");
    assert_eq!(spans.len(), COUNT);
    assert!(
        spans
            .iter()
            .all(|span| span.text("hopline.messaging.outcome") == Some("ack"))
    );
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.end().await;
}

async fn a_deleted_queue_ends_the_runner(setup: Setup) {
    let consumer = setup.consume().await;
    let handler = |_| async { Ok::<_, Infallible>(()) };
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    setup.delete(&setup.queue).await;
    assert_eq!(
        in_time(running).await.unwrap().unwrap(),
        StopReason::Cancelled
    );
    setup.connection.close(200, "bye".into()).await.unwrap();
}

/// An error of other code on the same channel.
async fn a_channel_error_ends_the_runner_and_its_spans(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let begun = Arc::new(Notify::new());
    let (begin, wait) = (begun.clone(), Arc::new(Notify::new()));
    let go_on = wait.clone();
    let handler = move |_: Delivery| {
        let (begin, wait) = (begin.clone(), wait.clone());
        async move {
            begin.notify_one();
            wait.notified().await;
            Ok::<_, Infallible>(())
        }
    };
    let consumer = setup.consume().await;
    let running =
        tokio::spawn(consumer.run(handler, RunOptions::default(), std::future::pending()));
    in_time(begun.notified()).await;
    let wrong = setup.channel.basic_ack(999, BasicAckOptions::default());
    wrong.await.unwrap();
    let closed = async {
        while setup.channel.status().connected() {
            tokio::task::yield_now().await;
        }
    };
    in_time(closed).await;
    go_on.notify_one();
    let end = in_time(running).await.unwrap();
    assert!(end.is_err(), "{end:?}");
    setup.spans.one("process.message").failed("settle_lost");
    let channel = confirming(&setup.connection).await.traced();
    let setup = setup.over(|_| channel);
    let again = setup.get(&setup.queue).await;
    assert!(again.redelivered);
    setup.end().await;
}

/// They are settled by the time they come, so what waits would be lost.
async fn messages_that_need_no_answer_are_all_handled(setup: Setup) {
    for _ in 0..20 {
        setup.publish(b"x").await;
    }
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consumer = setup.consume_with(&setup.queue, no_ack).await;
    setup.until_waiting(&setup.queue, 0).await;
    let first = Arc::new(Notify::new());
    let begin = first.clone();
    let handler = move |_: Delivery| {
        begin.notify_one();
        async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(())
        }
    };
    let options = RunOptions::default().concurrency(1);
    consumer
        .run(handler, options, first.notified())
        .await
        .unwrap();
    assert_eq!(setup.spans.named("process.message").len(), 20);
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.publish(b"the channel lives").await;
    setup.end().await;
}

async fn what_takes_longer_than_the_drain_is_abandoned(setup: Setup) {
    setup.publish(b"x").await;
    let begun = Arc::new(Notify::new());
    let begin = begun.clone();
    let handler = move |_: Delivery| {
        begin.notify_one();
        std::future::pending::<Result<(), Infallible>>()
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().drain(Duration::from_millis(200));
    let end = in_time(consumer.run(handler, options, begun.notified())).await;
    assert_eq!(end.unwrap(), StopReason::Shutdown);
    setup.named("process.message", 1).await;
    let process = setup.spans.one("process.message");
    assert!(!process.is_error());
    process.attribute("hopline.messaging.outcome", "abandoned");
    setup.channel.close(200, "bye".into()).await.unwrap();
    setup.until_waiting(&setup.queue, 1).await;
    let channel = confirming(&setup.connection).await.traced();
    setup.over(|_| channel).end().await;
}

/// Runs this service on one message until its first span has ended.
async fn serve<S>(setup: &Setup, service: S, options: RunOptions)
where
    S: Service<Delivery, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    setup.publish(b"x").await;
    setup.spans.take();
    let shutdown = async { drop(setup.named("process.message", 1).await) };
    let consumer = setup.consume().await;
    consumer
        .run_service(service, options, shutdown)
        .await
        .unwrap();
}

async fn handlers_can_have_towers_timeout(setup: Setup) {
    let service = ServiceBuilder::new()
        .timeout(Duration::from_millis(20))
        .service_fn(|_: Delivery| std::future::pending::<Result<(), BoxError>>());
    serve(&setup, service, RunOptions::default()).await;
    setup
        .spans
        .one("process.message")
        .failed("handler_error")
        .attribute("hopline.messaging.outcome", "reject");
    setup.end().await;
}

async fn handlers_can_have_towers_concurrency_limit(setup: Setup) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counting, highest) = (now.clone(), most.clone());
    let service = ServiceBuilder::new()
        .concurrency_limit(2)
        .service_fn(move |_: Delivery| {
            let (now, most) = (counting.clone(), highest.clone());
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, SeqCst);
                Ok::<(), BoxError>(())
            }
        });
    for _ in 0..9 {
        setup.publish(b"x").await;
    }
    let shutdown = async { drop(setup.named("process.message", 9).await) };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(8);
    consumer
        .run_service(service, options, shutdown)
        .await
        .unwrap();
    assert!((1..=2).contains(&most.load(SeqCst)), "{most:?}");
    setup.end().await;
}

/// Attempts within one delivery: one span, one outcome.
async fn handlers_can_have_towers_retry(setup: Setup) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counting = attempts.clone();
    let service = ServiceBuilder::new()
        .retry(Again(3))
        .service_fn(move |_: Delivery| {
            let attempt = counting.fetch_add(1, SeqCst);
            span("attempt").end();
            async move {
                if attempt < 2 {
                    Err("not yet".into())
                } else {
                    Ok::<(), BoxError>(())
                }
            }
        });
    serve(&setup, service, RunOptions::default()).await;
    assert_eq!(attempts.load(SeqCst), 3);
    let process = setup.spans.one("process.message").succeeded();
    let process = process.attribute("hopline.messaging.outcome", "ack");
    let attempts = setup.spans.named("attempt");
    assert_eq!(attempts.len(), 3);
    assert!(
        attempts
            .iter()
            .all(|span| span.parent == Some(process.span_id))
    );
    setup.end().await;
}

async fn handlers_can_have_towers_load_shed(setup: Setup) {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, wait) = (begun.clone(), go_on.clone());
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .service_fn(move |_: Delivery| {
            let (begin, wait) = (begin.clone(), wait.clone());
            async move {
                begin.notify_one();
                wait.notified().await;
                Ok::<(), BoxError>(())
            }
        });
    setup.prefetch(2).await;
    for _ in 0..2 {
        setup.publish(b"x").await;
    }
    setup.spans.take();
    let shutdown = async {
        begun.notified().await;
        // the other one is turned away while this one runs
        drop(setup.named("process.message", 1).await);
        go_on.notify_one();
        drop(setup.named("process.message", 2).await);
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(2);
    consumer
        .run_service(service, options, shutdown)
        .await
        .unwrap();
    let outcomes = setup.spans.named("process.message");
    assert_eq!(
        texts(&outcomes, "hopline.messaging.outcome"),
        [Some("reject"), Some("ack")]
    );
    assert_eq!(
        texts(&outcomes, "error.type"),
        [Some("handler_error"), None]
    );
    setup.end().await;
}

/// A policy of this number of retries, without a pause.
#[derive(Clone)]
struct Again(usize);

impl tower::retry::Policy<Delivery, (), BoxError> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Delivery,
        result: &mut Result<(), BoxError>,
    ) -> Option<Self::Future> {
        let again = result.is_err() && self.0 > 0;
        self.0 -= usize::from(again);
        again.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, delivery: &Delivery) -> Option<Delivery> {
        Some(delivery.clone())
    }
}

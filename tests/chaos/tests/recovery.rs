//! One broker, killed while a publisher waits for its confirm, while handlers run and before they answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hopline_chaos::connect;
use hopline_chaos::queues::declare;
use hopline_core::Tracer;
use hopline_lapin::{
    Channel, ChannelExt, Delivery, PublishError, RequestError, RunOptions, StopReason,
};
use hopline_restarts::{Kind, Server};
use hopline_testing::{Spans, tracer};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::sync::{Mutex, MutexGuard, Notify, OnceCell};

const WITH: &str = "hopline-with-recovery";
const WITHOUT: &str = "hopline-without-recovery";
const QUESTIONS: &str = "hopline-questions";

/// One broker for all, one test after the other: several would only wait for the processor. It ends with the process.
static RABBIT: OnceCell<Mutex<Server>> = OnceCell::const_new();

/// It has the queues of all tests.
async fn rabbit() -> MutexGuard<'static, Server> {
    let started = RABBIT.get_or_init(async || {
        let server = tokio::task::block_in_place(|| Server::start(Kind::RABBITMQ)).unwrap();
        let queues = [WITH, WITHOUT, QUESTIONS];
        let server = declare(server, &queues, &FieldTable::default()).await;
        Mutex::new(server.unwrap())
    });
    started.await.lock().await
}

/// A channel with confirms and a prefetch.
async fn channel(connection: &Connection, tracer: &Tracer) -> Channel {
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    channel
        .basic_qos(4, BasicQosOptions::default())
        .await
        .unwrap();
    channel.traced().tracer(tracer.clone())
}

async fn publish(channel: &Channel, queue: &str, body: &str) -> Result<(), PublishError> {
    let message = channel.publish("", queue, body.as_bytes()).mandatory();
    message.persistent().resend().await.map(drop)
}

async fn consume(channel: &Channel, queue: &str) -> hopline_lapin::Consumer {
    let options = BasicConsumeOptions::default();
    let none = FieldTable::default();
    channel
        .basic_consume(queue.into(), "".into(), options, none)
        .await
        .unwrap()
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work)
        .await
        .expect("it did not come to be in time")
}

fn process_spans(spans: &Spans) -> usize {
    spans.named("process.message").len()
}

/// lapin recovers: the runner continues, the publisher waits and continues, each delivery has its span.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_recovery_all_go_on() {
    let mut rabbit = rabbit().await;
    let (tracer, spans) = tracer("svc");
    let connection = connect(rabbit.url()).await.unwrap();
    let channel = channel(&connection, &tracer).await;
    for body in ["0", "1", "2", "3"] {
        publish(&channel, WITH, body).await.unwrap();
    }
    let (held, killed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (hold, wait) = (held.clone(), killed.clone());
    let begun = Arc::new(AtomicUsize::new(0));
    let counting = begun.clone();
    let handler = move |delivery: Delivery| {
        let (hold, wait) = (hold.clone(), wait.clone());
        counting.fetch_add(1, SeqCst);
        async move {
            // the first one is in the middle of its work when the broker is killed
            if delivery.body() == b"0" && !delivery.redelivered {
                hold.notify_one();
                wait.notified().await;
            }
            Ok::<_, Infallible>(())
        }
    };
    let done = Arc::new(Notify::new());
    let stop = done.clone();
    let consumer = consume(&channel, WITH).await;
    let options = RunOptions::default().concurrency(1);
    let running =
        tokio::spawn(consumer.run(handler, options, async move { stop.notified().await }));
    in_time(held.notified()).await;

    let busy = channel.clone();
    let publishing = tokio::spawn(async move {
        for number in 4..200 {
            publish(&busy, WITH, &number.to_string()).await?;
        }
        Ok::<_, PublishError>(())
    });
    let mut seen = 0;
    while seen < 50 {
        // in the middle of publishing
        seen = in_time(spans.wait(seen + 1)).await.len();
    }
    tokio::task::block_in_place(|| rabbit.kill().and_then(|()| rabbit.start_again())).unwrap();
    in_time(publishing).await.unwrap().unwrap();
    killed.notify_one();
    let all_handled = async {
        loop {
            let seen = spans.all().len();
            let bodies = spans.named("process.message");
            let settled = bodies.iter().filter(|span| !span.is_error()).count();
            if settled >= 200 {
                return;
            }
            spans.wait(seen + 1).await;
        }
    };
    in_time(all_handled).await;
    done.notify_one();
    assert_eq!(
        in_time(running).await.unwrap().unwrap(),
        StopReason::Shutdown
    );

    assert_eq!(
        begun.load(SeqCst),
        process_spans(&spans),
        "each delivery has its span"
    );
    let process = spans.named("process.message");
    assert!(
        process
            .iter()
            .all(|span| matches!(span.text("hopline.messaging.outcome"), Some("ack" | "lost")))
    );
    let lost: Vec<_> = process.iter().filter(|span| span.is_error()).collect();
    assert_eq!(lost.len(), 1, "the one that was in the middle");
    assert_eq!(lost[0].text("error.type"), Some("settle_lost"));
    // it is delivered again, and its second span is marked
    let publisher = lost[0].parent;
    let again = process
        .iter()
        .filter(|span| span.parent == publisher && !span.is_error());
    let again: Vec<_> = again.collect();
    assert_eq!(again.len(), 1);
    assert_eq!(
        again[0].attribute("hopline.messaging.redelivered"),
        Some(&true.into())
    );
    let publishes = spans.named("publish.message");
    assert_eq!(publishes.len(), 200);
    assert!(publishes.iter().all(|span| !span.is_error()));
    assert!(
        publishes
            .iter()
            .any(|span| span.attribute("hopline.messaging.resend_count").is_some()),
        "one of them was under way"
    );
    connection.close(200, "bye".into()).await.unwrap();
}

/// lapin does not recover: all end, with errors and with their spans; a new connection finds what is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_recovery_all_end() {
    let mut rabbit = rabbit().await;
    let (tracer, spans) = tracer("svc");
    let connect = async |rabbit: &Server| {
        let properties = ConnectionProperties::default();
        Connection::connect(rabbit.url(), properties).await.unwrap()
    };
    let connection = connect(&rabbit).await;
    let first = channel(&connection, &tracer).await;
    for body in ["0", "1", "2"] {
        publish(&first, WITHOUT, body).await.unwrap();
    }
    let begun = Arc::new(Notify::new());
    let begin = begun.clone();
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let handler = move |_: Delivery| {
        let (begin, wait) = (begin.clone(), wait.clone());
        async move {
            begin.notify_one();
            wait.notified().await;
            Ok::<_, Infallible>(())
        }
    };
    let consumer = consume(&first, WITHOUT).await;
    let options = RunOptions::default().concurrency(1);
    let running = tokio::spawn(consumer.run(handler, options, std::future::pending()));
    in_time(begun.notified()).await;
    tokio::task::block_in_place(|| rabbit.kill()).unwrap();
    let lost = in_time(async {
        loop {
            if let Err(error) = publish(&first, WITHOUT, "lost").await {
                return error;
            }
        }
    });
    assert!(matches!(lost.await, PublishError::Lapin(_)));
    go_on.notify_one();
    assert!(in_time(running).await.unwrap().is_err());
    let process = spans.one("process.message").failed("settle_lost");
    assert_eq!(process.text("hopline.messaging.outcome"), Some("lost"));

    tokio::task::block_in_place(|| rabbit.start_again()).unwrap();
    let connection = connect(&rabbit).await;
    let second = channel(&connection, &tracer).await;
    let handler = |_| async { Ok::<_, Infallible>(()) };
    let consumer = consume(&second, WITHOUT).await;
    let shutdown = async {
        loop {
            let seen = spans.all().len();
            if process_spans(&spans) >= 4 {
                return;
            }
            spans.wait(seen + 1).await;
        }
    };
    let running = consumer.run(handler, RunOptions::default(), shutdown);
    assert_eq!(in_time(running).await.unwrap(), StopReason::Shutdown);
    assert_eq!(
        process_spans(&spans),
        4,
        "none is lost, and one is delivered twice"
    );
    connection.close(200, "bye".into()).await.unwrap();
}

/// A request that was under way is lost with its connection; the next ones are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_again() {
    let mut rabbit = rabbit().await;
    let (tracer, spans) = tracer("svc");
    let connection = connect(rabbit.url()).await.unwrap();
    let channel = channel(&connection, &tracer).await;
    let answers = channel.clone();
    let handler = move |question: Delivery| {
        let answers = answers.clone();
        async move { answers.reply(&question, question.body()).await.map(drop) }
    };
    let consumer = consume(&channel, QUESTIONS).await;
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    let requests = channel.requests().await.unwrap();
    let requests = requests.timeout(Duration::from_secs(2));
    assert_eq!(
        requests.call("", QUESTIONS, b"1").await.unwrap().body(),
        b"1"
    );
    tokio::task::block_in_place(|| rabbit.kill().and_then(|()| rabbit.start_again())).unwrap();
    let mut failed = 0;
    let again = async {
        loop {
            match requests.call("", QUESTIONS, b"2").await {
                Ok(answer) => return answer,
                Err(RequestError::Publish(error @ PublishError::Lapin(_))) => {
                    failed += 1;
                    channel.wait_for_recovery(error).await.unwrap();
                }
                // no queue: lapin has the channel back, and not yet what was declared on it
                Err(
                    RequestError::TimedOut(_)
                    | RequestError::Publish(PublishError::Unroutable { .. }),
                ) => {
                    failed += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(in_time(again).await.body(), b"2");
    running.abort();
    let asked = spans.named("request.message");
    assert_eq!(asked.len(), failed + 2, "each has its span");
    assert_eq!(asked.iter().filter(|span| span.is_error()).count(), failed);
    connection.close(200, "bye".into()).await.unwrap();
}

//! The three programs, with the broker they bring and on RabbitMQ.

use std::process::Command;

use queues::worker::{self, FAILED, MAILS};
use queues::{Queue, Shown, import, prices};

/// Runs a program as one types it; gives what it prints.
fn output(program: &str, broker: Option<&str>) -> String {
    let mut command = Command::new(program);
    command
        .env_remove("AMQP_URL")
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    if let Some(broker) = broker {
        command.env("AMQP_URL", broker);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");
    text
}

fn rabbitmq() -> String {
    std::env::var("HOPLINE_TEST_AMQP_URL").expect(
        "HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints",
    )
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn the_worker_shows_its_retries_on_both_brokers() {
    let broker = rabbitmq();
    for broker in [None, Some(broker.as_str())] {
        let text = output(env!("CARGO_BIN_EXE_mail-worker"), broker);
        assert_eq!(count(&text, "smtp.send"), 6, "{text}");
        assert_eq!(count(&text, "handler_error"), 4, "{text}");
    }
}

#[test]
fn the_service_answers_on_both_brokers() {
    let broker = rabbitmq();
    for broker in [None, Some(broker.as_str())] {
        let text = output(env!("CARGO_BIN_EXE_price-service"), broker);
        assert!(
            text.starts_with("teapot: 24.90\ncup: 6.50\nspoon: unknown\n"),
            "{text}"
        );
        assert_eq!(count(&text, "request.message"), 3, "{text}");
        assert_eq!(count(&text, "process.message"), 3, "{text}");
    }
}

#[test]
fn the_import_takes_batches_on_both_brokers() {
    let broker = rabbitmq();
    for broker in [None, Some(broker.as_str())] {
        let text = output(env!("CARGO_BIN_EXE_order-import"), broker);
        assert_eq!(count(&text, "publish.batch"), 1, "{text}");
        let batches = count(&text, "process.batch");
        assert!((4..100).contains(&batches), "{batches}:\n{text}");
        assert!(!text.contains('✗'), "{text}");
    }
}

/// The trace of a mail that fails at each attempt.
#[tokio::test]
async fn a_mail_that_never_works_is_handed_over() {
    let shown = Shown::start("mail-worker").unwrap();
    let queue = Queue::connect(None).await.unwrap();
    let tracer = shown.tracer().unwrap();
    let channel = queue.channel(&tracer, &[MAILS, FAILED]).await.unwrap();
    worker::order(&channel, "unknown@example.org")
        .await
        .unwrap();
    worker::run(&channel, shown.settled(1)).await.unwrap();
    let spans = shown.spans();
    let mut attempts = spans.named("process.message");
    attempts.sort_by_key(|span| span.start_unix_nanos);
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|span| span.text("hopline.messaging.outcome").unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["requeue", "requeue", "dead_letter"]);
    let publishes = spans.named("publish.message");
    let letters = publishes
        .iter()
        .filter(|span| span.text("messaging.destination.name") == Some(FAILED));
    assert_eq!(letters.count(), 1);
    queue.close().await;
    shown.end().await.unwrap();
}

#[tokio::test]
async fn a_price_is_one_conversation() {
    let shown = Shown::start("prices").unwrap();
    let queue = Queue::connect(None).await.unwrap();
    let tracer = shown.tracer().unwrap();
    let channel = queue.channel(&tracer, &[prices::PRICES]).await.unwrap();
    let requests = channel.requests().await.unwrap();
    let (price, end) = tokio::join!(
        prices::ask(&requests, "cup"),
        prices::serve(&channel, shown.settled(1))
    );
    assert_eq!(price.unwrap(), "6.50");
    end.unwrap();
    let tree = shown.spans().tree();
    let (tree, replies) = tree.rsplit_once("hopline.reply-").unwrap();
    assert_eq!(replies.trim_end().len(), 32, "a generated name");
    let expected = "
request.message  prices ▸ prices
└─ publish.message  prices
   └─ process.message  prices
      └─ publish.message  ";
    assert_eq!(tree, expected.trim_start());
    queue.close().await;
    shown.end().await.unwrap();
}

#[tokio::test]
async fn what_is_no_order_is_dropped_and_the_rest_is_written() {
    let shown = Shown::start("import").unwrap();
    let queue = Queue::connect(None).await.unwrap();
    let tracer = shown.tracer().unwrap();
    let channel = queue.channel(&tracer, &[import::ORDERS]).await.unwrap();
    let orders = ["one", "", "three"].map(str::to_owned);
    import::publish(&channel, &orders).await.unwrap();
    import::run(&channel, shown.settled(3)).await.unwrap();
    let batches = shown.spans().named("process.batch");
    let links: usize = batches.iter().map(|batch| batch.links.len()).sum();
    assert_eq!(links, 3);
    assert!(batches.iter().all(|batch| !batch.is_error()));
    queue.close().await;
    shown.end().await.unwrap();
}

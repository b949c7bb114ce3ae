//! Metrics of publishes, fetches and processing on RabbitMQ: counts, attributes, durations and exemplars.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use hopline_core::{Context, FutureExt};
use hopline_lapin::{Channel, ChannelExt, Consumer, Delivery, Outcome, RunOptions};
use hopline_metrics::Metrics;
use hopline_test_support::page::total;
use hopline_testing::{Spans, tracer_with};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::sync::{Notify, mpsc};

const OPERATIONS: &str = "messaging_client_operation_duration_seconds_count";
const PROCESSED: &str = "messaging_process_duration_seconds_count";
const SENT: &str = "messaging_client_sent_messages_total";
const CONSUMED: &str = "messaging_client_consumed_messages_total";

const PUBLISH: &str = "messaging_operation_name=\"publish\"";
const RECEIVE: &str = "messaging_operation_name=\"receive\"";
const PROCESS: &str = "messaging_operation_name=\"process\"";

struct Setup {
    /// Closed when it is dropped.
    _connection: Connection,
    channel: Channel,
    spans: Spans,
    metrics: Metrics,
    queue: String,
}

impl Setup {
    async fn new(plan: &str) -> Self {
        let url = std::env::var("HOPLINE_TEST_AMQP_URL").expect(
            "HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints",
        );
        let metrics = Metrics::builder().build();
        let (tracer, spans) =
            tracer_with(|builder| builder.plan(plan.parse().unwrap()).meter(metrics.clone()));
        let connection = Connection::connect(&url, ConnectionProperties::default());
        let connection = connection.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let channel = channel.traced().tracer(tracer).server("rabbit", 5672);
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        channel
            .basic_qos(50, BasicQosOptions::default())
            .await
            .unwrap();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let queue = format!(
            "metrics-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        let setup = Self {
            _connection: connection,
            channel,
            spans,
            metrics,
            queue,
        };
        setup.declare(&setup.queue).await;
        setup
    }

    async fn declare(&self, name: &str) -> String {
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = self
            .channel
            .queue_declare(name.into(), exclusive, FieldTable::default());
        declared.await.unwrap().name().to_string()
    }

    async fn publish(&self, body: &str) {
        self.channel
            .publish("", &self.queue, body.as_bytes())
            .mandatory()
            .await
            .unwrap();
    }

    async fn consume(&self) -> Consumer {
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        self.channel
            .basic_consume(self.queue.as_str().into(), "".into(), options, none)
            .await
            .unwrap()
    }

    /// The sum of a metric now.
    fn total(&self, name: &str, labels: &[&str]) -> f64 {
        total(&self.metrics.render(), name, labels)
    }

    /// Waits until a task of the runtime or of lapin has reported.
    async fn until(&self, name: &str, labels: &[&str], value: f64) {
        let reached = async {
            while self.total(name, labels) < value {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        assert!(
            reached.is_ok(),
            "{name} {labels:?}\n{}",
            self.metrics.render()
        );
    }

    fn destination(&self) -> String {
        format!("messaging_destination_name=\"{}\"", self.queue)
    }
}

/// Handles each message by its body, and notifies when `left` are handled.
async fn handle(
    delivery: Delivery,
    left: Arc<AtomicU32>,
    done: Arc<Notify>,
) -> Result<(), &'static str> {
    if left.fetch_sub(1, Relaxed) == 1 {
        done.notify_one();
    }
    match delivery.body() {
        b"fail" => Err("a failure of the test"),
        b"panic" => panic!("a handler of the test"),
        _ => Ok(()),
    }
}

async fn run(consumer: Consumer, messages: u32) {
    let (left, done) = (Arc::new(AtomicU32::new(messages)), Arc::new(Notify::new()));
    let finished = done.clone();
    let handler = move |delivery| handle(delivery, left.clone(), done.clone());
    let options = RunOptions::default()
        .on_error(Outcome::Reject)
        .on_panic(Outcome::Reject);
    consumer
        .run(handler, options, async move { finished.notified().await })
        .await
        .unwrap();
}

#[tokio::test]
async fn each_message_is_counted_under_each_plan() {
    for plan in ["* 100%", "* 1%", "* 0%"] {
        let setup = Setup::new(plan).await;
        let here = setup.destination();
        let here = here.as_str();
        for _ in 0..8 {
            setup.publish("ok").await;
        }
        for body in ["fail", "fail", "panic"] {
            setup.publish(body).await;
        }
        for _ in 0..2 {
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            let sent = setup.channel.basic_publish(
                "".into(),
                setup.queue.as_str().into(),
                options,
                b"ok",
                properties,
            );
            sent.await.unwrap().await.unwrap();
        }
        for _ in 0..3 {
            setup
                .channel
                .publish("", "no-such-queue", b"x")
                .mandatory()
                .await
                .unwrap_err();
        }
        let long = "x".repeat(300);
        setup
            .channel
            .publish("", &setup.queue, b"x")
            .message_id(&long)
            .await
            .unwrap_err();
        for _ in 0..2 {
            let mut publish = pin!(setup.channel.publish("", "dropped", b"x").into_future());
            poll_fn(|cx| {
                assert!(publish.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let empty = setup.declare(&format!("{}-empty", setup.queue)).await;
        for queue in [&setup.queue, &empty] {
            let got = setup
                .channel
                .basic_get(queue.as_str().into(), BasicGetOptions::default())
                .await
                .unwrap();
            if let Some(got) = got {
                assert!(got.settle(Outcome::Ack).await.unwrap());
            }
        }
        run(setup.consume().await, 12).await;

        let page = setup.metrics.render();
        let error = |name: &str| format!("error_type=\"{name}\"");
        for name in [SENT, OPERATIONS] {
            assert_eq!(
                total(&page, name, &[PUBLISH, here, "server_address=\"rabbit\""]),
                14.0,
                "{plan} {page}"
            );
            assert_eq!(
                total(&page, name, &[PUBLISH, here, &error("name_too_long")]),
                1.0,
                "{page}"
            );
            assert_eq!(
                total(&page, name, &[PUBLISH, &error("unroutable")]),
                3.0,
                "{page}"
            );
            assert_eq!(
                total(&page, name, &[PUBLISH, "\"dropped\"", &error("cancelled")]),
                2.0,
                "{page}"
            );
        }
        assert_eq!(total(&page, SENT, &[]), 19.0, "{page}");
        assert_eq!(total(&page, OPERATIONS, &[RECEIVE]), 2.0, "{page}");
        assert_eq!(total(&page, CONSUMED, &[RECEIVE, here]), 1.0, "{page}");
        assert_eq!(total(&page, CONSUMED, &[RECEIVE]), 1.0, "{page}");
        assert_eq!(total(&page, PROCESSED, &[PROCESS, here]), 12.0, "{page}");
        assert_eq!(
            total(&page, PROCESSED, &[&error("handler_error")]),
            2.0,
            "{page}"
        );
        assert_eq!(total(&page, PROCESSED, &[&error("panic")]), 1.0, "{page}");
        assert_eq!(total(&page, CONSUMED, &[PROCESS, here]), 12.0, "{page}");
    }
}

#[tokio::test]
async fn an_abandoned_message_is_counted_as_cancelled() {
    let setup = Setup::new("* 0%").await;
    setup.publish("wait").await;
    let (started, mut starts) = mpsc::unbounded_channel();
    let handler = move |_: Delivery| {
        let started = started.clone();
        async move {
            started.send(()).unwrap();
            std::future::pending::<Result<(), &str>>().await
        }
    };
    let consumer = setup.consume().await;
    let runner = tokio::spawn(consumer.run(handler, RunOptions::default(), std::future::pending()));
    starts.recv().await.unwrap();
    runner.abort();
    setup
        .until(PROCESSED, &["error_type=\"cancelled\""], 1.0)
        .await;
    assert_eq!(setup.total(CONSUMED, &[]), 1.0);
}

#[tokio::test]
async fn streams_delegates_and_batches_are_measured() {
    let setup = Setup::new("* 0%").await;
    let here = setup.destination();
    setup.publish("a").await;
    let mut consumer = setup.consume().await;
    let delivery = consumer.next().await.unwrap().unwrap();
    assert_eq!(setup.total(PROCESSED, &[]), 0.0);
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    assert_eq!(setup.total(PROCESSED, &[&here]), 1.0);
    assert_eq!(setup.total(CONSUMED, &[&here]), 1.0);

    consumer.set_delegate(|delivery: lapin::message::DeliveryResult| async move {
        if let Ok(Some(delivery)) = delivery {
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
    });
    setup.publish("b").await;
    setup.until(PROCESSED, &[&here], 2.0).await;
    assert_eq!(setup.total(CONSUMED, &[&here]), 2.0);
    setup
        .channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await
        .unwrap();

    for _ in 0..3 {
        setup.publish("c").await;
    }
    let mut batches = setup.consume().await.batches(1);
    batches
        .next()
        .await
        .unwrap()
        .unwrap()
        .settle(Outcome::Ack)
        .await
        .unwrap();
    assert_eq!(setup.total(CONSUMED, &[&here]), 3.0);
    drop(batches);
}

#[tokio::test]
async fn the_duration_is_that_of_the_span() {
    let setup = Setup::new("* 100%").await;
    setup.publish("ok").await;
    run(setup.consume().await, 1).await;
    let page = setup.metrics.page("application/openmetrics-text").body;
    for (metric, name) in [
        (
            "messaging_client_operation_duration_seconds_sum",
            "publish.message",
        ),
        ("messaging_process_duration_seconds_sum", "process.message"),
    ] {
        let span = &setup.spans.named(name)[0];
        let nanos = span.end_unix_nanos - span.start_unix_nanos;
        assert_eq!(
            total(&page, metric, &[]),
            Duration::from_nanos(nanos).as_secs_f64(),
            "{page}"
        );
        assert!(
            page.contains(&format!("span_id=\"{}\"", span.span_id)),
            "{name}\n{page}"
        );
    }
}

#[tokio::test]
async fn generated_queue_names_and_routing_keys_of_deliveries_are_not_in_metrics() {
    let setup = Setup::new("* 0%").await;
    let generated = setup.declare("").await;
    assert!(generated.starts_with("amq.gen-"), "{generated}");
    setup
        .channel
        .publish("", &generated, b"x")
        .mandatory()
        .await
        .unwrap();
    setup
        .channel
        .basic_get(generated.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap()
        .unwrap();
    let bound = setup.channel.queue_bind(
        setup.queue.as_str().into(),
        "amq.topic".into(),
        format!("{}.#", setup.queue).as_str().into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();
    let key = format!("{}.customer-4711", setup.queue);
    setup
        .channel
        .publish("amq.topic", &key, b"x")
        .mandatory()
        .await
        .unwrap();
    run(setup.consume().await, 1).await;

    let page = setup.metrics.render();
    assert!(!page.contains("amq.gen"), "{page}");
    assert_eq!(total(&page, SENT, &[]), 2.0, "{page}");
    let delivered = format!("messaging_destination_name=\"amq.topic:{}\"", setup.queue);
    assert_eq!(total(&page, PROCESSED, &[&delivered]), 1.0, "{page}");
}

#[tokio::test]
async fn a_request_is_an_operation_beside_its_publish() {
    let setup = Setup::new("* 0%").await;
    let replies = setup.channel.clone();
    let answer = move |request: Delivery| {
        let replies = replies.clone();
        async move { replies.reply(&request, b"12.50").await.map(drop) }
    };
    let service = setup.consume().await;
    let requests = setup.channel.requests().await.unwrap();
    let call = async {
        requests.call("", &setup.queue, b"teapot").await.unwrap();
    };
    service
        .run(answer, RunOptions::default(), call)
        .await
        .unwrap();
    let page = setup.metrics.render();
    assert_eq!(
        total(&page, OPERATIONS, &["messaging_operation_name=\"request\""]),
        1.0,
        "{page}"
    );
    assert_eq!(
        total(&page, SENT, &[]),
        2.0,
        "the request and the reply\n{page}"
    );
    assert!(!page.contains("hopline.reply"), "{page}");
}

#[tokio::test]
async fn a_muted_context_is_not_measured() {
    let setup = Setup::new("* 100%").await;
    async {
        setup.publish("ok").await;
        setup
            .channel
            .basic_get(setup.queue.as_str().into(), BasicGetOptions::default())
            .await
            .unwrap();
    }
    .in_context(Context::muted())
    .await;
    let page = setup.metrics.render();
    assert!(!page.contains("messaging_"), "{page}");
}

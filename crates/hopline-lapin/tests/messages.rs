//! Messages from publish to settled: the same on the in-process broker and on RabbitMQ.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hopline_core::{
    Baggage, Context, FutureExt, Incoming, Kind, SpanBuilder, SpanData, SpanNames, no_attrs, span,
};
use hopline_lapin::{
    Channel, ChannelExt, Consumer, Delivery, End, Outcome, PublishError, RunOptions,
};
use hopline_testing::amqp::Broker;
use hopline_testing::{Spans, assert_tree, tracer};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::sync::Notify;
use tower::ServiceBuilder;

struct Setup {
    connection: Connection,
    channel: Channel,
    spans: Spans,
    queue: String,
}

impl Setup {
    async fn new(url: &str) -> Self {
        let (tracer, spans) = tracer("svc");
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        let channel = channel.traced().tracer(tracer);
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let queue = format!(
            "hopline-lapin-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        channel
            .queue_declare(
                queue.as_str().into(),
                QueueDeclareOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        Self {
            connection,
            channel,
            spans,
            queue,
        }
    }

    async fn publish(&self, body: &[u8]) {
        self.channel
            .publish("", &self.queue, body)
            .mandatory()
            .await
            .unwrap();
    }

    async fn consume(&self) -> Consumer {
        let options = BasicConsumeOptions::default();
        self.channel
            .basic_consume(
                self.queue.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await
            .unwrap()
    }

    async fn finished(&self, count: usize) -> Vec<SpanData> {
        let waited = tokio::time::timeout(Duration::from_secs(10), self.spans.wait(count)).await;
        waited.unwrap_or_else(|_| {
            panic!(
                "waited for {count} spans, there are:\n{}",
                self.spans.tree()
            )
        })
    }

    async fn end(self) {
        self.channel
            .queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .unwrap();
        self.connection.close(200, "bye".into()).await.unwrap();
    }
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let broker = Broker::start().unwrap();
                super::$name(Setup::new(&broker.url()).await).await;
            })*
        }
        mod rabbitmq {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let url = std::env::var("HOPLINE_TEST_AMQP_URL")
                    .expect("HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints");
                super::$name(Setup::new(&url).await).await;
            })*
        }
    };
}

on_both!(
    a_message_is_one_trace_from_publish_to_settled,
    outcomes_settle_and_are_on_the_span,
    a_requeued_message_counts_its_retries,
    broken_publishes_are_errors,
    a_context_of_ones_own_is_kept_and_linked,
    links_instead_of_children_on_request,
    get_is_a_receive_span_also_when_empty,
    shutdown_hands_back_what_waits_and_finishes_what_runs,
    tower_layers_stand_around_handlers,
    names_follow_the_conventions_on_request,
);

/// Runs the handler until so many spans have ended.
async fn run_until<F, Fut, R, E>(
    setup: &Setup,
    count: usize,
    options: RunOptions,
    handler: F,
) -> End
where
    F: FnMut(Delivery) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<Outcome> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let shutdown = async { drop(setup.finished(count).await) };
    setup
        .consume()
        .await
        .run(handler, options, shutdown)
        .await
        .unwrap()
}

async fn a_message_is_one_trace_from_publish_to_settled(setup: Setup) {
    let (tracer, _) = tracer("caller");
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let request = SpanBuilder::new("request").start_root(
        Some(&tracer),
        Incoming {
            parent: None,
            baggage,
        },
        no_attrs,
    );
    let sent = request.span_context().unwrap();
    setup.publish(b"7").in_span(request).await;
    let handler = |delivery: Delivery| async move {
        assert_eq!(
            (
                delivery.body(),
                Context::current().baggage().get("tenant_id")
            ),
            (&b"7"[..], Some("acme"))
        );
        span("mail.send").end();
        Ok::<_, Infallible>(())
    };
    assert_eq!(
        run_until(&setup, 3, RunOptions::default(), handler).await,
        End::Shutdown
    );
    let publish = setup.spans.one("publish.message").kind(Kind::Producer);
    assert_eq!(
        (publish.trace_id, publish.parent),
        (sent.trace_id(), Some(sent.span_id()))
    );
    let queue = setup.queue.as_str();
    publish
        .attribute("messaging.system", "rabbitmq")
        .attribute("messaging.operation.type", "send")
        .attribute("messaging.destination.name", queue)
        .attribute("messaging.rabbitmq.destination.routing_key", queue)
        .succeeded();
    let process = setup
        .spans
        .one("process.message")
        .kind(Kind::Consumer)
        .child_of("publish.message")
        .succeeded();
    assert!(process.parent_is_remote);
    assert_eq!(process.links.len(), 1);
    assert_eq!(
        Some(process.links[0].span_context.span_id()),
        process.parent
    );
    process
        .attribute("messaging.operation.type", "process")
        .attribute("messaging.destination.name", queue)
        .attribute("messaging.rabbitmq.message.delivery_tag", 1)
        .attribute("hopline.messaging.outcome", "ack")
        .no_attribute("hopline.messaging.redelivered")
        .no_attribute("retry_count");
    setup.spans.one("mail.send").child_of("process.message");
    setup.end().await;
}

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
        if delivery.redelivered() {
            Ok(())
        } else {
            Err("the first attempt fails")
        }
    };
    run_until(
        &setup,
        3,
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

async fn broken_publishes_are_errors(setup: Setup) {
    let unroutable = setup
        .channel
        .publish("", "nowhere-at-all", b"x")
        .mandatory()
        .await;
    assert!(
        matches!(unroutable, Err(PublishError::Unroutable)),
        "{unroutable:?}"
    );
    setup.spans.one("publish.message").failed("unroutable");
    setup.spans.take();

    let long = setup.channel.publish("", &"k".repeat(300), b"x").await;
    assert!(
        matches!(long, Err(PublishError::NameTooLong("routing key"))),
        "{long:?}"
    );

    // many at once: each learns its own fate
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (channel, queue) = (setup.channel.clone(), setup.queue.clone());
            tokio::spawn(async move {
                let lost = number % 3 == 0;
                let key = if lost {
                    "nowhere-at-all"
                } else {
                    queue.as_str()
                };
                let result = channel.publish("", key, b"x").mandatory().await;
                matches!(result, Err(PublishError::Unroutable)) == lost
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap(), "a return went to another message");
    }
    setup.spans.take();

    let other = setup.connection.create_channel().await.unwrap();
    other
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let (tracer, spans) = tracer("svc");
    let absent = other
        .traced()
        .tracer(tracer)
        .publish("absent-exchange", "k", b"x")
        .await;
    assert!(matches!(absent, Err(PublishError::Lapin(_))), "{absent:?}");
    assert!(spans.one("publish.message").is_error());
    setup.end().await;
}

async fn a_context_of_ones_own_is_kept_and_linked(setup: Setup) {
    const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(OWN.into()));
    headers.insert("x-own".into(), AMQPValue::Boolean(true));
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_message_id("m-1".into());
    setup
        .channel
        .publish("", &setup.queue, b"x")
        .properties(properties)
        .await
        .unwrap();
    let publish = setup
        .spans
        .one("publish.message")
        .attribute("messaging.message.id", "m-1");
    assert_eq!(publish.links[0].span_context.to_string(), OWN);
    let delivery = setup.consume().await.next().await.unwrap().unwrap();
    assert_eq!(delivery.publisher().unwrap().to_string(), OWN);
    assert!(
        delivery
            .properties()
            .headers()
            .as_ref()
            .unwrap()
            .inner()
            .contains_key("x-own")
    );
    delivery.ack().await.unwrap();
    setup.end().await;
}

async fn links_instead_of_children_on_request(setup: Setup) {
    setup.publish(b"x").await;
    let setup = Setup {
        channel: setup.channel.clone().link_only(),
        ..setup
    };
    run_until(&setup, 2, RunOptions::default(), |_| async {
        Ok::<_, Infallible>(())
    })
    .await;
    let publish = setup.spans.one("publish.message");
    let process = setup.spans.one("process.message").root();
    assert_ne!(process.trace_id, publish.trace_id);
    assert_eq!(process.links[0].span_context.span_id(), publish.span_id);
    setup.end().await;
}

async fn get_is_a_receive_span_also_when_empty(setup: Setup) {
    let get = || {
        setup
            .channel
            .basic_get(setup.queue.as_str().into(), BasicGetOptions::default())
    };
    assert!(get().await.unwrap().is_none());
    setup
        .spans
        .one("receive.message")
        .kind(Kind::Client)
        .attribute("messaging.operation.type", "receive")
        .succeeded();
    setup.publish(b"x").await;
    setup.spans.take();
    let delivery = get().await.unwrap().unwrap();
    assert_eq!(
        setup.spans.one("receive.message").links[0]
            .span_context
            .span_id(),
        delivery.publisher().unwrap().span_id()
    );
    delivery.process_span().end();
    assert!(delivery.ack().await.unwrap());
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
    assert_eq!(end, End::Shutdown);
    assert_eq!(
        setup.finished(1).await.len(),
        1,
        "only what had begun was handled"
    );
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    // what the broker had sent and not yet counted as cancelled comes back with the channel's end
    setup.channel.close(200, "bye".into()).await.unwrap();
    let channel = setup.connection.create_channel().await.unwrap().traced();
    let setup = Setup { channel, ..setup };
    let queue = || setup.queue.as_str().into();
    let waiting = async {
        while setup
            .channel
            .queue_declare(queue(), passive, FieldTable::default())
            .await
            .unwrap()
            .message_count()
            < 2
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .expect("a message is lost");
    setup.end().await;
}

async fn tower_layers_stand_around_handlers(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let service = ServiceBuilder::new()
        .concurrency_limit(2)
        .timeout(Duration::from_millis(20))
        .service_fn(|_: Delivery| async { std::future::pending::<Result<(), Infallible>>().await });
    let shutdown = async { drop(setup.finished(1).await) };
    setup
        .consume()
        .await
        .run_service(service, RunOptions::default(), shutdown)
        .await
        .unwrap();
    setup
        .spans
        .one("process.message")
        .failed("handler_error")
        .attribute("hopline.messaging.outcome", "reject");
    setup.end().await;
}

async fn names_follow_the_conventions_on_request(setup: Setup) {
    let setup = Setup {
        channel: setup.channel.clone().span_names(SpanNames::Conventions),
        ..setup
    };
    setup.publish(b"x").await;
    run_until(&setup, 2, RunOptions::default(), |_| async {
        Ok::<_, Infallible>(())
    })
    .await;
    let queue = &setup.queue;
    assert_tree(
        &setup.spans.all(),
        &format!("publish {queue} ▸ svc\n└─ process {queue}"),
    );
    setup.end().await;
}

#[tokio::test]
async fn a_publish_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url()).await;
    broker.cut_connections();
    let lost = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Err(error) = setup.channel.publish("", &setup.queue, b"x").await {
                return error;
            }
        }
    });
    assert!(matches!(lost.await.unwrap(), PublishError::Lapin(_)));
    assert!(setup.spans.all().last().unwrap().is_error());
}

#[tokio::test]
async fn a_runner_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url()).await;
    let consumer = setup.consume().await;
    let running = tokio::spawn(consumer.run(
        |_| async { Ok::<_, Infallible>(()) },
        RunOptions::default(),
        std::future::pending(),
    ));
    broker.cut_connections();
    let end = tokio::time::timeout(Duration::from_secs(10), running)
        .await
        .unwrap()
        .unwrap();
    assert!(end.is_err(), "{end:?}");
}

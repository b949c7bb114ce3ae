//! The setup of each test: a queue, a traced channel, and its spans.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hopline_core::{Tracer, export::SpanData};
use hopline_lapin::{Channel, ChannelExt, Consumer, Delivery, Outcome, RunOptions, StopReason};
use hopline_testing::{Spans, tracer};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};

/// Runs each function on all three.
macro_rules! rows {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test] async fn $name() {
                let broker = hopline_testing::amqp::Broker::start().unwrap();
                let setup = $crate::support::Setup::new(&broker.url(), $crate::support::QueueType::Classic).await;
                super::$name(setup).await;
            })*
        }
        mod classic {
            $(#[tokio::test] async fn $name() {
                super::$name($crate::support::Setup::rabbitmq($crate::support::QueueType::Classic).await).await;
            })*
        }
        mod quorum {
            $(#[tokio::test] async fn $name() {
                super::$name($crate::support::Setup::rabbitmq($crate::support::QueueType::Quorum).await).await;
            })*
        }
    };
}

/// A context that a message brought from elsewhere.
pub(crate) const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueType {
    Classic,
    Quorum,
}

pub(crate) struct Setup {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    pub(crate) tracer: Tracer,
    pub(crate) spans: Spans,
    pub(crate) queue: String,
    pub(crate) url: String,
    pub(crate) queue_type: QueueType,
}

impl Setup {
    pub(crate) async fn rabbitmq(queue_type: QueueType) -> Self {
        let url = std::env::var("HOPLINE_TEST_AMQP_URL").expect(
            "HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints",
        );
        Self::new(&url, queue_type).await
    }

    pub(crate) async fn new(url: &str, queue_type: QueueType) -> Self {
        Self::with(url, queue_type, ConnectionProperties::default()).await
    }

    pub(crate) async fn with(
        url: &str,
        queue_type: QueueType,
        properties: ConnectionProperties,
    ) -> Self {
        let (tracer, spans) = tracer("svc");
        let connection = Connection::connect(url, properties).await.unwrap();
        let mut setup = Self {
            channel: confirming(&connection)
                .await
                .traced()
                .tracer(tracer.clone()),
            connection,
            tracer,
            spans,
            queue: String::new(),
            url: url.to_owned(),
            queue_type,
        };
        setup.queue = setup.declare(FieldTable::default()).await;
        setup
    }

    /// The same over a channel that is set up another way.
    pub(crate) fn over(self, change: impl FnOnce(Channel) -> Channel) -> Self {
        let channel = change(self.channel.clone());
        Self { channel, ..self }
    }

    /// Declares another queue of this type.
    pub(crate) async fn declare(&self, arguments: FieldTable) -> String {
        let name = name();
        self.declare_as(&name, arguments).await;
        name
    }

    pub(crate) async fn declare_as(&self, name: &str, mut arguments: FieldTable) {
        let quorum = self.queue_type == QueueType::Quorum;
        let queue_type = if quorum { "quorum" } else { "classic" };
        arguments.insert("x-queue-type".into(), text(queue_type));
        let options = QueueDeclareOptions {
            durable: quorum,
            ..QueueDeclareOptions::default()
        };
        let declared = self.channel.queue_declare(name.into(), options, arguments);
        declared.await.unwrap();
    }

    /// A queue whose dead letters go to this one.
    pub(crate) async fn declare_dying_to(&self, letters: &str) -> String {
        let mut arguments = FieldTable::default();
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(letters));
        self.declare(arguments).await
    }

    pub(crate) async fn publish(&self, body: &[u8]) {
        let message = self.channel.publish("", &self.queue, body);
        message.mandatory().await.unwrap();
    }

    pub(crate) async fn prefetch(&self, count: u16) {
        let qos = self.channel.basic_qos(count, BasicQosOptions::default());
        qos.await.unwrap();
    }

    pub(crate) async fn consume(&self) -> Consumer {
        self.consume_with(&self.queue, BasicConsumeOptions::default())
            .await
    }

    pub(crate) async fn consume_with(&self, queue: &str, options: BasicConsumeOptions) -> Consumer {
        let none = FieldTable::default();
        let consumer = self
            .channel
            .basic_consume(queue.into(), "".into(), options, none);
        consumer.await.unwrap()
    }

    /// The next message of a queue, wherever that comes from.
    pub(crate) async fn get(&self, queue: &str) -> Delivery {
        let getting = async {
            loop {
                let got = self
                    .channel
                    .basic_get(queue.into(), BasicGetOptions::default());
                if let Some(got) = got.await.unwrap() {
                    return got.delivery;
                }
                tokio::task::yield_now().await;
            }
        };
        in_time(getting).await
    }

    /// The number of messages in a queue.
    pub(crate) async fn waiting(&self, queue: &str) -> u32 {
        self.look_at(queue).await.message_count()
    }

    /// Waits until dropped consumers are gone: RabbitMQ 3.10 fails to delete a quorum queue
    /// while a consumer is being cancelled.
    pub(crate) async fn until_unused(&self) {
        let unused = async {
            while self.look_at(&self.queue).await.consumer_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        in_time(unused).await;
    }

    async fn look_at(&self, queue: &str) -> lapin::Queue {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.connection.create_channel().await.unwrap();
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
        let looked_at = declared.await.unwrap();
        channel.close(200, "bye".into()).await.unwrap();
        looked_at
    }

    pub(crate) async fn until_waiting(&self, queue: &str, count: u32) {
        let waiting = async {
            while self.waiting(queue).await != count {
                tokio::task::yield_now().await;
            }
        };
        in_time(waiting).await;
    }

    pub(crate) async fn finished(&self, count: usize) -> Vec<SpanData> {
        let waited = tokio::time::timeout(Duration::from_secs(30), self.spans.wait(count)).await;
        waited.unwrap_or_else(|_| {
            panic!(
                "waited for {count} spans, there are:\n{}",
                self.spans.tree()
            )
        })
    }

    /// Waits for `count` spans of this name.
    pub(crate) async fn named(&self, name: &str, count: usize) -> Vec<SpanData> {
        loop {
            let seen = self.spans.all().len();
            let named = self.spans.named(name);
            if named.len() >= count {
                return named;
            }
            self.finished(seen + 1).await;
        }
    }

    pub(crate) async fn end(self) {
        self.delete(&self.queue).await;
        self.connection.close(200, "bye".into()).await.unwrap();
    }

    pub(crate) async fn delete(&self, queue: &str) {
        let deleted = self
            .channel
            .queue_delete(queue.into(), QueueDeleteOptions::default());
        deleted.await.unwrap();
    }
}

pub(crate) async fn confirming(connection: &Connection) -> lapin::Channel {
    let channel = connection.create_channel().await.unwrap();
    let confirms = channel.confirm_select(ConfirmSelectOptions::default());
    confirms.await.unwrap();
    channel
}

/// Runs the handler until `count` process spans have ended.
pub(crate) async fn run_until<F, Fut, R, E>(
    setup: &Setup,
    count: usize,
    options: RunOptions,
    handler: F,
) -> StopReason
where
    F: FnMut(Delivery) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<Outcome> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let shutdown = async { drop(setup.named("process.message", count).await) };
    let consumer = setup.consume().await;
    consumer.run(handler, options, shutdown).await.unwrap()
}

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(60), work).await;
    done.expect("it did not come to be in time")
}

pub(crate) fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("hopline-lapin-{}-{number}", std::process::id())
}

pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The values of an attribute, in the order of the spans' ends.
pub(crate) fn texts<'a>(spans: &'a [SpanData], key: &str) -> Vec<Option<&'a str>> {
    spans.iter().map(|span| span.text(key)).collect()
}

//! The setup of each test: two brokers, a channel of each, and short forms of common calls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

/// Runs each function against both.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test] async fn $name() {
                let broker = hopline_testing::amqp::Broker::start().unwrap();
                super::$name($crate::support::channel(&broker.url()).await).await;
            })*
        }
        mod rabbitmq {
            $(#[tokio::test] async fn $name() {
                let url = std::env::var("HOPLINE_TEST_AMQP_URL")
                    .expect("HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints");
                super::$name($crate::support::channel(&url).await).await;
            })*
        }
    };
}

pub(crate) async fn channel(url: &str) -> Connected {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    (connection, channel, url.to_owned())
}

/// A connection, a channel of it with confirms on, and where the broker is.
pub(crate) type Connected = (Connection, Channel, String);

pub(crate) fn name(of: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "hopline-{of}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

pub(crate) async fn queue(channel: &Channel, arguments: FieldTable) -> String {
    let name = name("queue");
    channel
        .queue_declare(
            name.as_str().into(),
            QueueDeclareOptions::default(),
            arguments,
        )
        .await
        .unwrap();
    name
}

pub(crate) async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
) -> Confirmation {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default();
    channel
        .basic_publish(exchange.into(), key.into(), options, body, properties)
        .await
        .unwrap()
        .await
        .unwrap()
}

pub(crate) async fn get(channel: &Channel, queue: &str) -> Option<lapin::message::BasicGetMessage> {
    channel
        .basic_get(queue.into(), BasicGetOptions::default())
        .await
        .unwrap()
}

pub(crate) async fn consume(channel: &Channel, queue: &str) -> lapin::Consumer {
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap()
}

pub(crate) async fn next(consumer: &mut lapin::Consumer) -> lapin::message::Delivery {
    tokio::time::timeout(Duration::from_secs(10), consumer.next())
        .await
        .expect("no message in time")
        .unwrap()
        .unwrap()
}

pub(crate) async fn delete(channel: &Channel, queue: &str) {
    channel
        .queue_delete(queue.into(), QueueDeleteOptions::default())
        .await
        .unwrap();
}

/// Publishes with these properties, and waits for the confirm.
pub(crate) async fn publish_with(
    channel: &Channel,
    queue: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Confirmation {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, body, properties);
    sent.await.unwrap().await.unwrap()
}

/// Arguments of a queue.
pub(crate) fn arguments<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Arguments that dead-letter to this queue.
pub(crate) fn dying_to<const N: usize>(letters: &str, more: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = arguments(more);
    table.insert("x-dead-letter-exchange".into(), text(""));
    table.insert("x-dead-letter-routing-key".into(), text(letters));
    table
}

/// The code by which the broker refuses, which closes the channel.
pub(crate) fn code<T: std::fmt::Debug>(refused: lapin::Result<T>) -> u16 {
    let error = refused.expect_err("it was not refused");
    let lapin::ErrorKind::ProtocolError(error) = error.kind() else {
        panic!("not the broker's error: {error}")
    };
    error.get_id()
}

/// Waits until a condition of the broker's holds.
pub(crate) async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    waited.expect("it did not come to be in time");
}

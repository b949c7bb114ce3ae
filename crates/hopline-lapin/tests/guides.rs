//! The programs of lapin's guides and examples, with traced channels: as it is written for lapin, but for `.traced()` where a
//! channel is made and the types that signatures name.
//!
//! | of lapin | here |
//! |---|---|
//! | README and front page: declare, publish, consume | `the_quick_start` |
//! | examples on publisher confirms: one by one, dropped ones together, a mandatory one that comes back | `publisher_confirms` |
//! | examples on publishing and subscribing in two tasks | `publishers_and_subscribers` |
//! | examples on reconnecting by `wait_for_recovery` | `reconnecting` |
//! | examples for tokio and smol: a delegate with its three cases, which cancels its consumer | `delegates` |
//! | `ConsumerDelegate` for an own type | `a_delegate_of_an_own_type` |
//! | `Delivery` and `Acker`: fields, moves, `nack` of several, `mock` | `deliveries` |
//! | `Channel`: exchanges, bindings, queues, `qos`, `get`, `flow`, `recover` | `topology` |
//! | `Channel`: transactions | `transactions` |
//! | `Channel`: shared by tasks and threads; many confirms under way | `sharing` |

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use hopline_lapin::message::BasicGetMessage;
use hopline_lapin::{Channel, ChannelExt, Consumer, Delivery, PublisherConfirm};
use lapin::message::{BasicReturnMessage, DeliveryResult};
use lapin::options::*;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{FieldTable, ShortString};
use lapin::{
    BasicProperties, Confirmation, Connection, ConnectionProperties, ConsumerDelegate,
    ExchangeKind, Result,
};
use tokio::sync::Notify;

fn url() -> String {
    std::env::var("HOPLINE_TEST_AMQP_URL").expect(
        "HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints",
    )
}

fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "hopline-guides-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, SeqCst)
    )
}

async fn connect() -> Result<Connection> {
    Connection::connect(&url(), ConnectionProperties::default()).await
}

/// An exclusive queue, which is deleted with its connection.
async fn queue(channel: &Channel) -> Result<String> {
    let name = name();
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare(name.as_str().into(), options, FieldTable::default())
        .await?;
    assert_eq!(
        (declared.name().as_str(), declared.message_count()),
        (name.as_str(), 0)
    );
    Ok(name)
}

async fn consume(channel: &Channel, queue: &str, tag: &str) -> Result<Consumer> {
    channel
        .basic_consume(
            queue.into(),
            tag.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
}

async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> Result<Confirmation> {
    channel
        .basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            body,
            BasicProperties::default(),
        )
        .await?
        .await
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("it did not come to be in time")
}

#[tokio::test]
async fn the_quick_start() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    assert_eq!(
        publish(&channel, &queue, b"Hello, world!").await?,
        Confirmation::NotRequested
    );
    let mut consumer = consume(&channel, &queue, "my_consumer").await?;
    assert_eq!(
        (consumer.tag().as_str(), consumer.queue().as_str()),
        ("my_consumer", queue.as_str())
    );
    while let Some(delivery) = in_time(consumer.next()).await {
        let delivery = delivery?;
        assert_eq!(delivery.data, b"Hello, world!");
        delivery.ack(BasicAckOptions::default()).await?;
        channel
            .basic_cancel("my_consumer".into(), BasicCancelOptions::default())
            .await?;
    }
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn publisher_confirms() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let payload = b"Hello world!";

    let confirm = publish(&channel, &queue, payload).await?;
    assert!(confirm.is_ack());
    assert_eq!(confirm.take_message(), None);

    for _ in 1..=2 {
        // the confirm is dropped ...
        channel
            .basic_publish(
                "".into(),
                queue.as_str().into(),
                BasicPublishOptions::default(),
                payload,
                BasicProperties::default(),
            )
            .await?;
    }
    // ... and waited for with the others
    assert!(in_time(channel.wait_for_confirms()).await?.is_empty());

    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default().with_priority(42);
    let confirm = channel
        .basic_publish(
            "".into(),
            "unroutable".into(),
            mandatory,
            payload,
            properties.clone(),
        )
        .await?
        .await?;
    assert!(confirm.is_ack());
    let message = confirm.take_message().unwrap();
    let acker = message.delivery.acker.clone();
    let expected = BasicReturnMessage {
        delivery: lapin::message::Delivery {
            delivery_tag: 0,
            exchange: "".into(),
            routing_key: "unroutable".into(),
            redelivered: false,
            properties,
            data: payload.to_vec(),
            acker,
        },
        reply_code: 312,
        reply_text: "NO_ROUTE".into(),
    };
    assert_eq!(message, expected);
    let error = message.error().unwrap();
    assert_eq!(error.kind(), &AMQPErrorKind::Soft(AMQPSoftError::NOROUTE));
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn publishers_and_subscribers() -> Result<()> {
    const COUNT: usize = 200;
    let connection = connect().await?;
    let (channel_a, channel_b) = (
        connection.create_channel().await?.traced(),
        connection.create_channel().await?.traced(),
    );
    let queue = queue(&channel_a).await?;
    let mut consumer = consume(&channel_b, &queue, "my_consumer").await?;
    let seen = Arc::new(AtomicUsize::new(0));
    let (counting, all) = (seen.clone(), Arc::new(Notify::new()));
    let done = all.clone();
    let subscriber = tokio::spawn(async move {
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            delivery.ack(BasicAckOptions::default()).await?;
            if counting.fetch_add(1, SeqCst) + 1 == COUNT {
                done.notify_one();
            }
        }
        Ok::<(), lapin::Error>(())
    });
    for _ in 0..COUNT {
        assert_eq!(
            publish(&channel_a, &queue, b"Hello world!").await?,
            Confirmation::NotRequested
        );
    }
    in_time(all.notified()).await;
    channel_b
        .basic_cancel("my_consumer".into(), BasicCancelOptions::default())
        .await?;
    in_time(subscriber).await.unwrap()?;
    assert_eq!(seen.load(SeqCst), COUNT);
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn reconnecting() -> Result<()> {
    let properties = ConnectionProperties::default().enable_auto_recover();
    let connection = Connection::connect(&url(), properties).await?;
    let (channel_a, channel_b) = (
        connection.create_channel().await?.traced(),
        connection.create_channel().await?.traced(),
    );
    let queue = queue(&channel_a).await?;
    let mut consumer = consume(&channel_b, &queue, "my_consumer").await?;
    let subscriber = tokio::spawn(async move {
        let mut handled = 0;
        while let Some(delivery) = consumer.next().await {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(err) => {
                    channel_b.wait_for_recovery(err).await?;
                    continue;
                }
            };
            delivery.ack(BasicAckOptions::default()).await?;
            handled += 1;
            if handled == 3 {
                break;
            }
        }
        Ok::<(), lapin::Error>(())
    });
    for _ in 0..3 {
        match publish(&channel_a, &queue, b"Hello world!").await {
            Ok(confirm) => assert_eq!(confirm, Confirmation::NotRequested),
            Err(err) => channel_a.wait_for_recovery(err).await?,
        }
    }
    in_time(subscriber).await.unwrap()?;
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn delegates() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    let consumer = consume(&channel, &queue, "tag_foo").await?;
    let cancelled = Arc::new(Notify::new());
    let (notify, canceling) = (cancelled.clone(), channel.clone());
    consumer.set_delegate(move |delivery: DeliveryResult| {
        let (channel, notify) = (canceling.clone(), notify.clone());
        async move {
            let delivery = match delivery {
                // a message
                Ok(Some(delivery)) => delivery,
                // the consumer was canceled
                Ok(None) => return,
                // followed by `Ok(None)`
                Err(error) => panic!("{error}"),
            };
            delivery.ack(BasicAckOptions::default()).await.expect("ack");
            channel
                .basic_cancel("tag_foo".into(), BasicCancelOptions::default())
                .await
                .expect("cancel");
            notify.notify_one();
        }
    });
    publish(&channel, &queue, b"Hello world!").await?;
    in_time(cancelled.notified()).await;
    connection.close(200, "OK".into()).await
}

struct Counting(Arc<Mutex<Vec<Vec<u8>>>>, Arc<Notify>);

impl ConsumerDelegate for Counting {
    fn on_new_delivery(
        &self,
        delivery: DeliveryResult,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (seen, notify) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            if let Ok(Some(delivery)) = delivery {
                delivery
                    .acker
                    .ack(BasicAckOptions::default())
                    .await
                    .expect("ack");
                seen.lock().unwrap().push(delivery.data);
                notify.notify_one();
            }
        })
    }

    fn drop_prefetched_messages(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_delegate_of_an_own_type() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    let (seen, notify) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let consumer = consume(&channel, &queue, "").await?;
    consumer.set_delegate(Counting(seen.clone(), notify.clone()));
    publish(&channel, &queue, b"one").await?;
    in_time(notify.notified()).await;
    assert_eq!(*seen.lock().unwrap(), [b"one"]);
    connection.close(200, "OK".into()).await
}

async fn handle(delivery: Delivery) -> Result<String> {
    let Delivery { data, acker, .. } = delivery;
    assert!(acker.usable() && !acker.poisoned());
    acker.ack(BasicAckOptions::default()).await?;
    Ok(String::from_utf8(data).expect("text"))
}

#[tokio::test]
async fn deliveries() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    for body in ["1", "2", "3", "4"] {
        publish(&channel, &queue, body.as_bytes()).await?;
    }
    let mut consumer = consume(&channel, &queue, "").await?;
    let mut deliveries: Vec<Delivery> = Vec::new();
    while deliveries.len() < 4 {
        deliveries.push(in_time(consumer.next()).await.expect("a message")?);
    }
    let last = deliveries.pop().unwrap();
    let third = &deliveries[2];
    assert_eq!(
        (third.exchange.as_str(), third.routing_key.as_str()),
        ("", queue.as_str())
    );
    assert_eq!((third.delivery_tag, third.redelivered), (3, false));
    assert_eq!(third.properties.content_type(), &None);
    let up_to_this = BasicNackOptions {
        multiple: true,
        requeue: false,
    };
    assert!(third.nack(up_to_this).await?);
    assert_eq!(handle(last).await?, "4");
    assert!(!third.reject(BasicRejectOptions::default()).await?, "twice");
    let text = handle(Delivery::mock(
        7,
        "ex".into(),
        "key".into(),
        true,
        b"mock".to_vec(),
    ));
    assert_eq!(text.await?, "mock");
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn topology() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let none = FieldTable::default;
    let (from, to) = (name(), name());
    let (from, to): (ShortString, ShortString) = (from.into(), to.into());
    let passing = ExchangeDeclareOptions {
        auto_delete: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(from.clone(), ExchangeKind::Topic, passing, none())
        .await?;
    channel
        .exchange_declare(to.clone(), ExchangeKind::Fanout, passing, none())
        .await?;
    channel
        .exchange_bind(
            to.clone(),
            from.clone(),
            "orders.*".into(),
            ExchangeBindOptions::default(),
            none(),
        )
        .await?;
    let queue = queue(&channel).await?;
    let key: ShortString = queue.as_str().into();
    channel
        .queue_bind(
            key.clone(),
            to.clone(),
            "".into(),
            QueueBindOptions::default(),
            none(),
        )
        .await?;
    channel.basic_qos(10, BasicQosOptions::default()).await?;
    assert!(channel.status().connected() && channel.id() > 0);
    assert!(channel == channel.clone());

    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let sent = channel.basic_publish(
        from.clone(),
        "orders.new".into(),
        BasicPublishOptions::default(),
        b"7",
        BasicProperties::default(),
    );
    assert!(sent.await?.await?.is_ack());
    let got: Option<BasicGetMessage> = channel
        .basic_get(key.clone(), BasicGetOptions::default())
        .await?;
    let got = got.expect("a message");
    assert_eq!(
        (
            got.message_count,
            got.data.as_slice(),
            got.exchange.as_str()
        ),
        (0, &b"7"[..], from.as_str())
    );
    channel
        .basic_recover(BasicRecoverOptions { requeue: true })
        .await?;
    let again = in_time(async {
        loop {
            if let Some(got) = channel
                .basic_get(key.clone(), BasicGetOptions::default())
                .await?
            {
                return Ok::<_, lapin::Error>(got.delivery);
            }
        }
    });
    let again = again.await?;
    assert!(again.redelivered);
    channel
        .basic_ack(again.delivery_tag, BasicAckOptions::default())
        .await?;
    assert!(
        channel
            .channel_flow(ChannelFlowOptions { active: true })
            .await?
    );

    channel
        .exchange_unbind(
            to.clone(),
            from.clone(),
            "orders.*".into(),
            ExchangeUnbindOptions::default(),
            none(),
        )
        .await?;
    channel
        .queue_unbind(key.clone(), to, "".into(), none())
        .await?;
    assert_eq!(
        channel
            .queue_purge(key.clone(), QueuePurgeOptions::default())
            .await?,
        0
    );
    assert_eq!(
        channel
            .queue_delete(key, QueueDeleteOptions::default())
            .await?,
        0
    );
    channel.close(200, "OK".into()).await?;
    connection.close(200, "OK".into()).await
}

#[tokio::test]
async fn transactions() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    let queue = queue(&channel).await?;
    let get = || channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: true });
    channel.tx_select().await?;
    publish(&channel, &queue, b"rolled back").await?;
    channel.tx_rollback().await?;
    publish(&channel, &queue, b"committed").await?;
    assert!(get().await?.is_none());
    channel.tx_commit().await?;
    assert_eq!(get().await?.expect("a message").data, b"committed");
    connection.close(200, "OK".into()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharing() -> Result<()> {
    let connection = connect().await?;
    let channel = connection.create_channel().await?.traced();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let queue = Arc::new(queue(&channel).await?);
    let tasks = (0..4).map(|_| {
        let (channel, queue) = (channel.clone(), queue.clone());
        tokio::spawn(async move {
            let mut confirms: FuturesUnordered<PublisherConfirm> = FuturesUnordered::new();
            for _ in 0..50 {
                let options = BasicPublishOptions::default();
                let sent = channel.basic_publish(
                    "".into(),
                    queue.as_str().into(),
                    options,
                    b"x",
                    BasicProperties::default(),
                );
                confirms.push(sent.await?);
            }
            while let Some(confirm) = confirms.next().await {
                assert!(confirm?.is_ack());
            }
            Ok::<(), lapin::Error>(())
        })
    });
    for task in in_time(join_all(tasks)).await {
        task.unwrap()?;
    }
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let left = channel.queue_declare(queue.as_str().into(), passive, FieldTable::default());
    assert_eq!(left.await?.message_count(), 200);
    connection.close(200, "OK".into()).await
}

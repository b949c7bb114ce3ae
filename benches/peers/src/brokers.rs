//! Messages published to a broker in the process, and messages consumed and acknowledged.

use futures_util::StreamExt;
use hopline_core::FutureExt;
use hopline_gate::requests::{SAMPLED, UNSAMPLED};
use hopline_gate::trace::{Fate, root};
use hopline_gate::{Case, Work};
use hopline_lapin::{ChannelExt, Outcome};
use hopline_testing::amqp::Broker;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    PublisherConfirm,
};
use tokio::runtime::{Builder, Runtime};

use crate::Result;
use crate::names::name;
use crate::ours::clocks;

const PUBLISH: &str = "lapin, a publish in a sampled trace";
const PUBLISH_BARE: &str = "lapin/bare, a publish";
/// Compared with lapin's by instructions.
pub(crate) const UNCONFIRMED: &str = "lapin, a publish without confirms in a sampled trace";
pub(crate) const UNCONFIRMED_BARE: &str = "lapin/bare, a publish without confirms";
/// lapin alone, with the headers that a sampled trace adds: what they cost without a span.
const UNCONFIRMED_HEADERS: &str = "lapin/bare, a publish without confirms, two headers set by hand";
/// Compared with lapin's by time.
pub(crate) const PIPELINED: &str = "lapin, publishes under way together in a sampled trace";
pub(crate) const PIPELINED_BARE: &str = "lapin/bare, publishes under way together";
const CONSUME: &str = "lapin, a message consumed, sampled";
const CONSUME_OFF: &str = "lapin, a message consumed, not recorded";
const CONSUME_BARE: &str = "lapin/bare, a message consumed";
const EXCHANGE: &str = "bench";
const QUEUE: &str = "bench";
/// More than the messages of a case at a time.
const PREFETCH: u16 = 1024;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = publishers();
    cases.extend(unconfirmed());
    cases.extend(pipelines());
    cases.extend(consumers());
    cases
}

fn publishers() -> Vec<Case> {
    let (_, first) = clocks().swap_remove(0);
    let bare = move |_: &_| {
        let (link, tracer) = (Link::open(), Fate::Kept.tracer(&first));
        Work::new(move |times| {
            let link = &link; // all of it, so that nothing of it is dropped here
            link.runtime.block_on(async {
                for _ in 0..times {
                    publish(&link.channel, EXCHANGE, BasicProperties::default())
                        .in_span(root(&tracer))
                        .await;
                }
            });
        })
    };
    let mut cases = vec![Case::new(PUBLISH_BARE, bare).times(64)];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let (link, tracer) = (Link::open(), Fate::Kept.tracer(&clock));
            let channel = link.channel.clone().traced();
            Work::new(move |times| {
                let link = &link; // all of it, so that nothing of it is dropped here
                link.runtime.block_on(async {
                    for _ in 0..times {
                        let publish =
                            async { channel.publish(EXCHANGE, QUEUE, b"7").await.is_ok() };
                        assert!(publish.in_span(root(&tracer)).await);
                    }
                });
            })
        };
        cases.push(
            Case::new(name(PUBLISH, who), ours)
                .over(PUBLISH_BARE)
                .times(64),
        );
    }
    cases
}

/// One message after the other, each until its frames are written.
fn unconfirmed() -> Vec<Case> {
    let bare = |properties: fn() -> BasicProperties| {
        move |_: &_| {
            let (link, tracer) = (Link::without_confirms(), Fate::Kept.tracer(&clocks()[0].1));
            Work::new(move |times| {
                let link = &link; // all of it, so that nothing of it is dropped here
                link.runtime.block_on(async {
                    for _ in 0..times {
                        let sent = async { send(&link.channel, properties()).await.is_ok() };
                        assert!(sent.in_span(root(&tracer)).await);
                    }
                });
            })
        }
    };
    let mut cases = vec![
        Case::new(UNCONFIRMED_BARE, bare(BasicProperties::default)).times(64),
        Case::new(UNCONFIRMED_HEADERS, bare(with_headers)).times(64),
    ];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let (link, tracer) = (Link::without_confirms(), Fate::Kept.tracer(&clock));
            let channel = link.channel.clone().traced();
            Work::new(move |times| {
                let link = &link; // all of it, so that nothing of it is dropped here
                link.runtime.block_on(async {
                    for _ in 0..times {
                        let sent = async { send_traced(&channel).await.is_ok() };
                        assert!(sent.in_span(root(&tracer)).await);
                    }
                });
            })
        };
        cases.push(Case::new(name(UNCONFIRMED, who), ours).times(64));
    }
    cases
}

/// All messages first, then all their confirms.
fn pipelines() -> Vec<Case> {
    let bare = move |_: &_| {
        let (link, tracer) = (Link::open(), Fate::Kept.tracer(&clocks()[0].1));
        Work::new(move |times| {
            let link = &link; // all of it, so that nothing of it is dropped here
            let all = async {
                let mut confirms = Vec::new();
                for _ in 0..times {
                    let sent = send(&link.channel, BasicProperties::default()).await;
                    confirms.extend(sent.ok());
                }
                assert_eq!(confirms.len() as u64, times);
                for confirm in confirms {
                    assert!(confirm.await.is_ok_and(|confirm| confirm.is_ack()));
                }
            };
            link.runtime.block_on(all.in_span(root(&tracer)));
        })
    };
    let mut cases = vec![Case::new(PIPELINED_BARE, bare).times(512)];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let (link, tracer) = (Link::open(), Fate::Kept.tracer(&clock));
            let channel = link.channel.clone().traced();
            Work::new(move |times| {
                let link = &link; // all of it, so that nothing of it is dropped here
                let all = async {
                    let mut confirms = Vec::new();
                    for _ in 0..times {
                        confirms.extend(send_traced(&channel).await.ok());
                    }
                    assert_eq!(confirms.len() as u64, times);
                    for confirm in confirms {
                        assert!(confirm.await.is_ok_and(|confirm| confirm.is_ack()));
                    }
                };
                link.runtime.block_on(all.in_span(root(&tracer)));
            })
        };
        cases.push(Case::new(name(PIPELINED, who), ours).times(512));
    }
    cases
}

/// The headers of a sampled trace of which all are kept.
fn with_headers() -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in [("traceparent", SAMPLED), ("tracestate", "ot=th:0")] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    BasicProperties::default().with_headers(headers)
}

async fn send(channel: &Channel, properties: BasicProperties) -> lapin::Result<PublisherConfirm> {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(EXCHANGE.into(), QUEUE.into(), options, b"7", properties);
    sent.await
}

async fn send_traced(
    channel: &hopline_lapin::Channel,
) -> lapin::Result<hopline_lapin::PublisherConfirm> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish(EXCHANGE.into(), QUEUE.into(), options, b"7", properties);
    sent.await
}

/// Messages with a `traceparent`, also for the bare consumer.
fn consumers() -> Vec<Case> {
    let bare = |_: &_| {
        let link = Link::open();
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = link
            .channel
            .basic_consume(QUEUE.into(), "".into(), options, arguments);
        // fails where the broker is gone, which ends a measurement rightly
        let mut consumer = link.runtime.block_on(consumer).expect("a consumer");
        consumed(link, SAMPLED, async move || {
            let Some(Ok(delivery)) = consumer.next().await else {
                return false;
            };
            matches!(delivery.ack(BasicAckOptions::default()).await, Ok(true))
        })
    };
    let mut cases = vec![Case::new(CONSUME_BARE, bare).times(64)];
    for (group, fate, parent) in [
        (CONSUME, Fate::Kept, SAMPLED),
        (CONSUME_OFF, Fate::NotRecorded, UNSAMPLED),
    ] {
        for (who, clock) in clocks() {
            let ours = move |_: &_| {
                let link = Link::open();
                let channel = link.channel.clone().traced().tracer(fate.tracer(&clock));
                let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
                let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, arguments);
                // fails where the broker is gone, which ends a measurement rightly
                let mut consumer = link.runtime.block_on(consumer).expect("a consumer");
                consumed(link, parent, async move || {
                    let Some(Ok(delivery)) = consumer.next().await else {
                        return false;
                    };
                    let acked = delivery
                        .settle(Outcome::Ack)
                        .in_span(delivery.process_span())
                        .await;
                    matches!(acked, Ok(true)) && delivery.publisher().is_some()
                })
            };
            cases.push(
                Case::new(name(group, who), ours)
                    .over(CONSUME_BARE)
                    .times(64),
            );
        }
    }
    cases
}

/// Takes one message after the other, when all of them are with the broker.
fn consumed(
    link: Link,
    parent: &'static str,
    mut next: impl AsyncFnMut() -> bool + 'static,
) -> Work {
    Work::new(move |times| {
        let link = &link; // all of it, so that nothing of it is dropped here
        link.runtime.block_on(async {
            link.fill(times, parent).await;
            for _ in 0..times {
                assert!(next().await);
            }
        });
    })
}

/// To an exchange, by the key that is the queue's name too.
async fn publish(channel: &Channel, exchange: &str, properties: BasicProperties) {
    let options = BasicPublishOptions::default();
    let sent = channel
        .basic_publish(exchange.into(), QUEUE.into(), options, b"7", properties)
        .await;
    let confirm = match sent {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    assert!(
        confirm.as_ref().is_ok_and(Confirmation::is_ack),
        "{confirm:?}"
    );
}

/// A channel with confirms, to an exchange that nothing is bound to, where messages are confirmed and gone, and to a
/// queue.
struct Link {
    channel: Channel,
    runtime: Runtime,
    connection: Connection,
    _broker: Broker,
}

impl Link {
    fn open() -> Self {
        // fails where there are no free ports or threads, which ends a measurement rightly
        Self::connect().expect("a channel")
    }

    /// The same over a channel without confirms.
    fn without_confirms() -> Self {
        let link = Self::open();
        let channel = link.runtime.block_on(link.connection.create_channel());
        Self {
            channel: channel.expect("a channel"), // as above
            ..link
        }
    }

    /// Publishes messages to the queue on the runtime's own thread, while the calling one waits.
    async fn fill(&self, messages: u64, parent: &'static str) {
        let channel = self.channel.clone();
        let filled = self.runtime.spawn(async move {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(parent.into()));
            let properties = BasicProperties::default().with_headers(headers);
            for _ in 0..messages {
                publish(&channel, "", properties.clone()).await;
            }
        });
        // panics where a publish did, which ends a measurement rightly
        filled.await.expect("messages in the queue");
    }

    fn connect() -> Result<Self> {
        let (broker, runtime) = (
            Broker::start()?,
            Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        );
        let (connection, channel) = runtime.block_on(async {
            let connection =
                Connection::connect(&broker.url(), ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            let options = ExchangeDeclareOptions::default();
            channel
                .exchange_declare(
                    EXCHANGE.into(),
                    ExchangeKind::Fanout,
                    options,
                    FieldTable::default(),
                )
                .await?;
            let options = QueueDeclareOptions::default();
            channel
                .queue_declare(QUEUE.into(), options, FieldTable::default())
                .await?;
            channel
                .basic_qos(PREFETCH, BasicQosOptions::default())
                .await?;
            Ok::<_, lapin::Error>((connection, channel))
        })?;
        Ok(Self {
            channel,
            runtime,
            connection: connection,
            _broker: broker,
        })
    }
}

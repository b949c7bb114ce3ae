//! Messages published to a broker on loopback, each until its confirm.

use hopline_core::FutureExt;
use hopline_gate::trace::{Fate, root};
use hopline_gate::{Case, Work};
use hopline_lapin::ChannelExt;
use hopline_testing::amqp::Broker;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use tokio::runtime::{Builder, Runtime};

use crate::Result;
use crate::names::name;
use crate::ours::clocks;

const GROUP: &str = "lapin, a publish in a sampled trace";
const BARE: &str = "lapin/bare, hopline";
const EXCHANGE: &str = "bench";

pub(crate) fn cases() -> Vec<Case> {
    let (_, first) = clocks().swap_remove(0);
    let bare = move |_: &_| {
        let (link, tracer) = (Link::open(), Fate::Kept.tracer(&first));
        Work::new(move |times| {
            let link = &link; // all of it, so that nothing of it is dropped here
            link.runtime.block_on(async {
                for _ in 0..times {
                    publish(&link.channel).in_span(root(&tracer)).await;
                }
            });
        })
    };
    let mut cases = vec![Case::new(BARE, bare).times(64)];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let (link, tracer) = (Link::open(), Fate::Kept.tracer(&clock));
            let channel = link.channel.clone().traced();
            Work::new(move |times| {
                let link = &link; // all of it, so that nothing of it is dropped here
                link.runtime.block_on(async {
                    for _ in 0..times {
                        let publish =
                            async { channel.publish(EXCHANGE, "key", b"7").await.is_ok() };
                        assert!(publish.in_span(root(&tracer)).await);
                    }
                });
            })
        };
        cases.push(Case::new(name(GROUP, who), ours).over(BARE).times(64));
    }
    cases
}

async fn publish(channel: &Channel) {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel
        .basic_publish(EXCHANGE.into(), "key".into(), options, b"7", properties)
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

/// A channel with confirms, to an exchange that nothing is bound to: messages are confirmed and gone.
struct Link {
    channel: Channel,
    runtime: Runtime,
    _connection: Connection,
    _broker: Broker,
}

impl Link {
    fn open() -> Self {
        // fails where there are no free ports or threads, which ends a measurement rightly
        Self::connect().expect("a channel")
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
            Ok::<_, lapin::Error>((connection, channel))
        })?;
        Ok(Self {
            channel,
            runtime,
            _connection: connection,
            _broker: broker,
        })
    }
}

//! The queue: publishes, messages of strangers, and a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt as _;
use hopline::core::Trust;
use hopline::lapin::RunOptions;
use hopline::prelude::*;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::task::JoinHandle;

use crate::attack::{BAGGAGE, MESSAGE_PARENT};
use crate::{Error, Result};

const NAME: &str = "work";

#[derive(Clone)]
pub(crate) struct Queue {
    /// The parts without tracing, the same in both services.
    plain: Channel,
    traced: Option<hopline::lapin::Channel>,
    published: Arc<AtomicU64>,
    pub(crate) handled: Arc<AtomicU64>,
    _connection: Arc<Connection>,
    _worker: Arc<JoinHandle<()>>,
}

impl Queue {
    pub(crate) async fn start(url: &str, traced: bool) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let plain = connection.create_channel().await?;
        plain
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let (options, table) = (QueueDeclareOptions::default(), FieldTable::default());
        plain.queue_declare(NAME.into(), options, table).await?;
        let handled = Arc::new(AtomicU64::new(0));
        let channel = connection.create_channel().await?;
        let worker = work(channel, traced, Arc::clone(&handled)).await?;
        let publisher = connection.create_channel().await?;
        publisher
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            plain,
            traced: traced.then(|| publisher.traced()),
            published: Arc::default(),
            handled,
            _connection: Arc::new(connection),
            _worker: Arc::new(worker),
        })
    }

    /// As the application publishes.
    pub(crate) async fn publish(&self, body: &[u8]) -> Result<()> {
        match &self.traced {
            Some(traced) => {
                traced.publish("", NAME, body).mandatory().await?;
            }
            None => self.send(body, BasicProperties::default()).await?,
        }
        self.published.fetch_add(1, Relaxed);
        Ok(())
    }

    /// As a stranger publishes: with a context that is forged and headers that are none.
    pub(crate) async fn forge(&self) -> Result<()> {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), text(MESSAGE_PARENT));
        headers.insert("tracestate".into(), text(&"a=1,".repeat(2000)));
        headers.insert("baggage".into(), text(BAGGAGE));
        headers.insert("x-death".into(), text("\u{1b}]0;owned\u{7}\n"));
        let properties = BasicProperties::default().with_headers(headers);
        self.send(b"forged", properties).await?;
        self.published.fetch_add(1, Relaxed);
        Ok(())
    }

    async fn send(&self, body: &[u8], properties: BasicProperties) -> Result<()> {
        let options = BasicPublishOptions::default();
        let sent = self
            .plain
            .basic_publish("".into(), NAME.into(), options, body, properties);
        sent.await?.await?;
        Ok(())
    }

    /// Waits until each message has been handled.
    pub(crate) async fn stop(&self) -> Result<()> {
        let all = async {
            while self.handled.load(Relaxed) < self.published.load(Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(20), all).await;
        Ok(all.map_err(|_| "messages are not handled")?)
    }
}

/// The worker ends with the process.
async fn work(channel: Channel, traced: bool, handled: Arc<AtomicU64>) -> Result<JoinHandle<()>> {
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    if traced {
        // strangers publish to it, too
        let channel = channel.traced().trust(Trust::Link);
        let consumer = channel
            .basic_consume(NAME.into(), "worker".into(), options, table)
            .await?;
        let handle = move |_| {
            let handled = Arc::clone(&handled);
            async move {
                hopline::span("work").end();
                handled.fetch_add(1, Relaxed);
                Ok::<(), Error>(())
            }
        };
        return Ok(tokio::spawn(async move {
            let run = consumer.run(handle, RunOptions::default(), std::future::pending());
            let _ = run.await;
            drop(channel);
        }));
    }
    let mut consumer = channel
        .basic_consume(NAME.into(), "worker".into(), options, table)
        .await?;
    Ok(tokio::spawn(async move {
        while let Some(Ok(delivery)) = consumer.next().await {
            handled.fetch_add(1, Relaxed);
            let _ = delivery.ack(BasicAckOptions::default()).await;
        }
        drop(channel);
    }))
}

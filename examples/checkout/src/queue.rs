//! The queue between orders and worker.

use std::time::Duration;

use hopline::Tracer;
use hopline::lapin::{Channel, Consumer};
use hopline::prelude::*;
use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};

use crate::Result;

const QUEUE: &str = "order.placed";

/// The time limit of a close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The message to the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// The order's number.
    pub id: i64,
    /// The behaviour of the worker.
    #[serde(default)]
    pub worker: Worker,
}

/// The behaviour of the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worker {
    /// As it should.
    #[default]
    Succeed,
    /// It fails the first time it sees the message.
    FailOnce,
}

/// A connection to the broker, with one channel.
#[derive(Debug)]
pub struct Queue {
    connection: Connection,
    // kept until the connection is closed: the server's tasks drop theirs at any moment of its end, and lapin's `close`
    // may never return if the last one is dropped meanwhile
    channel: Channel,
}

impl Queue {
    /// Connects to the broker, and opens a traced channel: its queue declared and publishes confirmed.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or refuses.
    pub async fn connect(url: &str, tracer: &Tracer) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .map_err(|error| format!("the broker cannot be reached: {error}"))?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(QUEUE.into(), durable, FieldTable::default())
            .await?;
        Ok(Self {
            channel: channel.traced().tracer(tracer.clone()),
            connection,
        })
    }

    /// Returns the channel.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Closes the connection in good order.
    ///
    /// # Errors
    ///
    /// It was lost before, or the broker does not answer within 5 seconds.
    pub async fn close(self) -> Result<()> {
        let closed = self.connection.close(200, "bye".into());
        Ok(tokio::time::timeout(CLOSE_LIMIT, closed).await??)
    }
}

/// Publishes an order to the worker, and waits for the broker's confirmation.
///
/// # Errors
///
/// The broker does not take it.
pub async fn publish(
    channel: &Channel,
    placed: &Placed,
) -> std::result::Result<(), hopline::lapin::PublishError> {
    let body = serde_json::to_vec(placed).unwrap_or_default();
    channel.publish("", QUEUE, &body).mandatory().await?;
    Ok(())
}

/// The worker's end.
///
/// # Errors
///
/// The broker refuses.
pub async fn consume(channel: &Channel) -> Result<Consumer> {
    channel.basic_qos(8, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    Ok(channel
        .basic_consume(
            QUEUE.into(),
            "worker".into(),
            options,
            FieldTable::default(),
        )
        .await?)
}

#[cfg(test)]
mod tests {
    use hopline_testing::amqp::Broker;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_service_that_drops_its_channel_meanwhile_is_closed_in_good_order() {
        let broker = Broker::start().unwrap();
        let tracer = Tracer::builder().build();
        for _ in 0..20 {
            let queue = Queue::connect(&broker.url(), &tracer).await.unwrap();
            drop(queue.channel());
            queue.close().await.unwrap();
        }
    }
}

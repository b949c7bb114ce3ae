//! The queue between orders and worker.

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

/// A connection to the broker; it must outlive its channels.
#[derive(Debug)]
pub struct Queue(Connection);

impl Queue {
    /// Connects to the broker.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await;
        Ok(Self(connection.map_err(|error| {
            format!("the broker cannot be reached: {error}")
        })?))
    }

    /// A traced channel of this service, its queue declared and publishes confirmed.
    ///
    /// # Errors
    ///
    /// The broker refuses.
    pub async fn channel(&self, tracer: &Tracer) -> Result<Channel> {
        let channel = self.0.create_channel().await?;
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
        Ok(channel.traced().tracer(tracer.clone()))
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        // a connection that is gone already needs no good-bye
        let _ = self.0.close(200, "bye".into()).await;
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

//! The queue of paid orders.

use std::sync::Arc;

use hopline::lapin::{Channel, ChannelExt as _, Consumer};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};

use crate::error::AppError;

#[derive(Clone, Debug)]
pub(crate) struct Queue {
    channel: Channel,
    name: Arc<str>,
}

/// An order was paid.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Paid {
    pub(crate) order: i64,
    pub(crate) recipient: String,
}

pub(crate) async fn connect(url: &str) -> Result<Connection, lapin::Error> {
    Connection::connect(url, ConnectionProperties::default()).await
}

pub(crate) async fn channel(connection: &Connection, queue: &str) -> Result<Channel, lapin::Error> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    channel.basic_qos(16, BasicQosOptions::default()).await?;
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await?;
    Ok(channel.traced())
}

impl Queue {
    pub(crate) fn new(channel: Channel, name: &str) -> Self {
        Self {
            channel,
            name: name.into(),
        }
    }

    pub(crate) async fn publish(&self, paid: &Paid) -> Result<(), AppError> {
        let body =
            serde_json::to_vec(paid).map_err(|error| AppError::Invalid(error.to_string()))?;
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        let confirm = self
            .channel
            .basic_publish(
                "".into(),
                (&*self.name).into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await?;
        confirm.await?;
        Ok(())
    }

    pub(crate) async fn consume(&self) -> Result<Consumer, lapin::Error> {
        self.channel
            .basic_consume(
                (&*self.name).into(),
                "mails".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
    }
}

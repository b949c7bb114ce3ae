//! The broker, and traced channels.

use std::time::Duration;

use hopline::Tracer;
use hopline::lapin::Channel;
use hopline::prelude::*;
use hopline_testing::amqp::Broker;
use lapin::options::{BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::Result;

/// A connection, and the broker if it is in this process.
#[derive(Debug)]
pub struct Queue {
    connection: Connection,
    _broker: Option<Broker>,
}

impl Queue {
    /// Connects to this broker, or starts one in the process.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be reached.
    pub async fn connect(url: Option<String>) -> Result<Self> {
        let broker = if url.is_none() {
            Some(Broker::start()?)
        } else {
            None
        };
        let own = broker.as_ref().map(Broker::url);
        let url = url.or(own).unwrap_or_default();
        // lapin recovers a lost connection, and the runners continue with it
        let properties = ConnectionProperties::default().enable_auto_recover();
        Ok(Self {
            connection: Connection::connect(&url, properties).await?,
            _broker: broker,
        })
    }

    /// Returns the URL in `AMQP_URL`.
    pub fn url_from_env() -> Option<String> {
        std::env::var("AMQP_URL").ok().filter(|url| !url.is_empty())
    }

    /// Opens a traced channel with confirms and a prefetch, and declares these queues.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses.
    pub async fn channel(&self, tracer: &Tracer, queues: &[&str]) -> Result<Channel> {
        let channel = self.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        channel.basic_qos(64, BasicQosOptions::default()).await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        for queue in queues {
            channel
                .queue_declare((*queue).into(), durable, FieldTable::default())
                .await?;
        }
        Ok(channel.traced().tracer(tracer.clone()))
    }

    /// Closes the connection, within 5 seconds. Keep a channel until then: lapin's `close` may never return if the last
    /// one is dropped meanwhile.
    pub async fn close(self) {
        let closed = self.connection.close(200, "bye".into());
        // an error means that the connection is lost already
        let _ = timeout(Duration::from_secs(5), closed).await;
    }
}

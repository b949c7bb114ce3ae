//! The broker, and a traced channel of it.

use hopline::Tracer;
use hopline::lapin::Channel;
use hopline::prelude::*;
use hopline_testing::amqp::Broker;
use lapin::options::{BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

use crate::Result;

/// A connection, and the broker if it is one of this process.
#[derive(Debug)]
pub struct Queue {
    connection: Connection,
    _broker: Option<Broker>,
}

impl Queue {
    /// Connects to this broker; to one of this process, if none is given.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn connect(url: Option<String>) -> Result<Self> {
        let broker = if url.is_none() {
            Some(Broker::start()?)
        } else {
            None
        };
        let own = broker.as_ref().map(Broker::url);
        let url = url.or(own).unwrap_or_default();
        // the connection is recovered by lapin if it is lost, and the runners go on with it
        let properties = ConnectionProperties::default().enable_auto_recover();
        Ok(Self {
            connection: Connection::connect(&url, properties).await?,
            _broker: broker,
        })
    }

    /// The broker that `AMQP_URL` names, if it does.
    pub fn url_from_env() -> Option<String> {
        std::env::var("AMQP_URL").ok().filter(|url| !url.is_empty())
    }

    /// A traced channel with confirms, a prefetch and these queues.
    ///
    /// # Errors
    ///
    /// The broker refuses.
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

    /// Closes the connection in good order.
    pub async fn close(self) {
        // a connection that is gone already needs no good-bye
        let _ = self.connection.close(200, "bye".into()).await;
    }
}

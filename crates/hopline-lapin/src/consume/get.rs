//! Fetched messages.

use std::ops::{Deref, DerefMut};

use lapin::options::BasicGetOptions;
use lapin::types::ShortString;

use super::delivery::Delivery;
use crate::channel::Channel;
use crate::error::error_type;
use crate::span::{InFlight, Measured, Operation, Subject};
use hopline_core::SpanKind;

/// A message fetched by [`Channel::basic_get`], as [`lapin::message::BasicGetMessage`].
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it can be taken apart as lapin's"
)]
pub struct BasicGetMessage {
    /// The message.
    pub delivery: Delivery,
    /// Number of messages left in the queue.
    pub message_count: u32,
}

impl Channel {
    /// Fetches one message, or `None` from an empty queue. The span `receive.message` lasts for the call.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, a message may have been fetched: it is delivered again when the channel closes.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
    /// # use hopline_lapin::{ChannelExt, Outcome};
    /// # use lapin::options::{BasicGetOptions, ConfirmSelectOptions, QueueDeclareOptions};
    /// # use lapin::types::FieldTable;
    /// # let channel = connection.create_channel().await?.traced();
    /// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
    /// # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
    /// channel.publish("", "orders", b"7").await?;
    /// let got = channel.basic_get("orders".into(), BasicGetOptions::default()).await?.expect("a message");
    /// assert_eq!((got.body(), got.message_count), (&b"7"[..], 0));
    /// assert!(got.settle(Outcome::Ack).await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn basic_get(
        &self,
        queue: ShortString,
        options: BasicGetOptions,
    ) -> lapin::Result<Option<BasicGetMessage>> {
        let subject = Subject {
            operation: Operation::Receive,
            exchange: "",
            key: "",
            queue: Some(queue.as_str()),
            links: &[],
            content: None,
        };
        let mut receive =
            InFlight::new(Measured::start(&subject, SpanKind::Client, &self.settings));
        let got = self.inner.basic_get(queue.clone(), options).await;
        let got = got.map(|message| {
            let lapin::message::BasicGetMessage {
                delivery,
                message_count,
            } = message?;
            let queue = queue.as_str().into();
            let delivery = Delivery::new(delivery, &queue, options.no_ack, &self.settings);
            delivery.describe_receive(&receive.context());
            receive.received();
            Some(BasicGetMessage {
                delivery,
                message_count,
            })
        });
        receive.ended(got, error_type)
    }
}

impl Deref for BasicGetMessage {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl DerefMut for BasicGetMessage {
    fn deref_mut(&mut self) -> &mut Delivery {
        &mut self.delivery
    }
}

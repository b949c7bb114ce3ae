//! Messages that are handled together.

use std::sync::Arc;

use futures_util::future::join_all;
use hopline_core::{Incoming, Span, SpanContext, SpanKind, Trust};

use super::delivery::Delivery;
use super::outcome::Outcome;
use crate::span::{Measured, Operation, Settings, Subject};

/// One or more messages that are handled together. Made by [`Consumer::batches`](crate::Consumer::batches) and
/// [`Consumer::run_batches`](crate::Consumer::run_batches).
///
/// Cloning it shares the messages.
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::{ChannelExt, Outcome};
/// # use futures_util::StreamExt;
/// # use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions, QueueDeclareOptions};
/// # use lapin::types::FieldTable;
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
/// channel.publish("", "orders", b"7").await?;
/// let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
/// let consumer = channel.basic_consume("orders".into(), "".into(), options, arguments).await?;
/// let batch = consumer.batches(100).next().await.expect("a batch")?;
/// assert_eq!(batch.deliveries()[0].body(), b"7");
/// assert!(batch.settle(Outcome::Ack).await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch {
    deliveries: Arc<[Delivery]>,
    settings: Arc<Settings>,
}

impl Batch {
    pub(super) fn new(deliveries: Vec<Delivery>, settings: Arc<Settings>) -> Self {
        Self {
            deliveries: deliveries.into(),
            settings,
        }
    }

    /// Returns the messages, in the order of their arrival.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Starts the span in which the messages are handled. The [runner](crate::Consumer::run_batches) does this by
    /// itself.
    ///
    /// The span is the root of a trace, and links to the publish spans of the messages, up to the limit in
    /// [`Limits`](hopline_core::Limits), 128 by default. No message's baggage is current in it.
    pub fn process_span(&self) -> Span {
        self.start().span
    }

    /// Starts the span, and its measurement.
    pub(crate) fn start(&self) -> Measured {
        let publishers = self.deliveries.iter().filter_map(Delivery::publisher);
        let links: Vec<SpanContext> = publishers.cloned().collect();
        let first = self.deliveries.first();
        // the name that all share; empty if they differ
        let common = |name: fn(&Delivery) -> &str| {
            let value = first.map_or("", name);
            let all = self.deliveries.iter().all(|one| name(one) == value);
            if all { value } else { "" }
        };
        let subject = Subject {
            operation: Operation::ProcessBatch,
            exchange: common(|one| one.exchange.as_str()),
            key: common(|one| one.routing_key.as_str()),
            queue: first.map(Delivery::queue),
            links: &links,
            content: None,
        };
        if self.settings.trust == Trust::Ignore {
            return Measured::unrecorded(&subject, &self.settings);
        }
        let measured = Measured::start_root(
            &subject,
            SpanKind::Consumer,
            &self.settings,
            Incoming::default(),
        );
        let span = &measured.span;
        span.set("messaging.batch.message_count", self.deliveries.len());
        let redelivered = self.deliveries.iter().any(|one| one.redelivered);
        span.set("hopline.messaging.redelivered", redelivered.then_some(true));
        measured
    }

    /// Settles the messages that are not settled yet. Returns false if the channel is gone: they are delivered again.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        let open = self
            .deliveries
            .iter()
            .filter(|one| !one.arrival.is_settled());
        let mut all = true;
        // one by one: `multiple` would settle other messages of the same channel
        for settled in join_all(open.map(|one| one.settle(outcome))).await {
            all &= settled?;
        }
        Ok(all)
    }
}

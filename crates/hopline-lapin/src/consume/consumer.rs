//! Consumers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use hopline_core::Trust;
use lapin::ConsumerDelegate;
use lapin::options::BasicConsumeOptions;
use lapin::types::{FieldTable, ShortString};

use super::batch::Batch;
use super::delegate::Delegate;
use super::delivery::Delivery;
use crate::channel::Channel;

/// A consumer of a queue: a stream of deliveries, or the input of a [handler](Consumer::run).
///
/// As a stream it yields each message with its process span, which ends when the message is settled. Only code that polls
/// a future can make a span current in it, so the body of a loop is outside of that span: run queries, calls and
/// publishes in [`Delivery::context`], or they begin new traces. One notice reports this.
///
/// The stream ends when the queue or the consumer is gone, after the channel's error if there is one. It skips messages
/// fetched from a lost connection: they cannot be settled, and are delivered again.
///
/// Clones are the same consumer: each message is delivered to one of them.
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::{ChannelExt, Delivery};
/// # use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions, QueueDeclareOptions};
/// # use lapin::types::FieldTable;
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
/// use futures_util::StreamExt;
/// use hopline_core::FutureExt;
/// use lapin::options::BasicAckOptions;
///
/// async fn ship(order: &Delivery) {
///     assert_eq!(order.body(), b"7");
/// }
///
/// channel.publish("", "orders", b"7").await?;
/// let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
/// let mut consumer = channel.basic_consume("orders".into(), "".into(), options, arguments).await?;
/// while let Some(order) = consumer.next().await {
///     let order = order?;
///     ship(&order).in_context(order.context()).await;
///     assert!(order.ack(BasicAckOptions::default()).await?);
/// #   break;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Consumer {
    inner: lapin::Consumer,
    pub(crate) channel: Channel,
    queue: Arc<str>,
    pub(crate) no_ack: bool,
    /// An error or the end that followed the messages of a batch: lapin yields each once.
    held: Option<Option<lapin::Result<Delivery>>>,
}

impl Channel {
    /// Starts a consumer of a queue. Set [`basic_qos`](Channel::basic_qos) first, or the broker sends the whole queue.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_consume(
        &self,
        queue: ShortString,
        tag: ShortString,
        options: BasicConsumeOptions,
        arguments: FieldTable,
    ) -> lapin::Result<Consumer> {
        let inner = self
            .inner
            .basic_consume(queue.clone(), tag, options, arguments)
            .await?;
        Ok(Consumer {
            inner,
            channel: self.clone(),
            queue: queue.as_str().into(),
            no_ack: options.no_ack,
            held: None,
        })
    }
}

impl Consumer {
    /// Returns the tag that identifies it on its channel.
    pub fn tag(&self) -> ShortString {
        self.inner.tag()
    }

    /// Returns the queue that it consumes.
    pub fn queue(&self) -> ShortString {
        self.inner.queue()
    }

    /// Sets the use of the trace context of its messages. Defaults to that of its channel; see [`Channel::trust`].
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.channel = self.channel.trust(trust);
        self
    }

    /// Sets a function that lapin calls for each message, on its executor and without a limit. The process span is
    /// current in it, and ends with it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(consumer: hopline_lapin::Consumer) {
    /// use lapin::message::DeliveryResult;
    /// use lapin::options::BasicAckOptions;
    ///
    /// consumer.set_delegate(move |delivery: DeliveryResult| async move {
    ///     if let Ok(Some(delivery)) = delivery {
    ///         delivery.ack(BasicAckOptions::default()).await.expect("the channel is open");
    ///     }
    /// });
    /// # }
    /// ```
    pub fn set_delegate<D: ConsumerDelegate + 'static>(&self, delegate: D) {
        self.inner.set_delegate(Delegate {
            inner: delegate,
            queue: Arc::clone(&self.queue),
            no_ack: self.no_ack,
            settings: Arc::clone(&self.channel.settings),
        });
    }

    /// Returns a stream of batches. Each has the messages that have arrived: at least one, and up to `max`.
    ///
    /// An error of the channel follows the messages before it. The prefetch limits a batch too, so set it to at least
    /// `max`. Run the handler [in](hopline_core::FutureExt::in_span) the batch's
    /// [`process_span`](Batch::process_span); [`Batch`] has an example.
    pub fn batches(mut self, max: usize) -> impl Stream<Item = lapin::Result<Batch>> + Unpin {
        futures_util::stream::poll_fn(move |cx| {
            let next = std::task::ready!(self.poll_batch(max, cx));
            if let Some(Ok(batch)) = &next {
                batch.deliveries().iter().for_each(Delivery::count_consumed);
            }
            Poll::Ready(next)
        })
    }

    /// Takes all messages that have arrived in one poll, so that none is lost if it is not polled again.
    pub(crate) fn poll_batch(
        &mut self,
        max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<lapin::Result<Batch>>> {
        let mut deliveries = Vec::new();
        while deliveries.len() < max.max(1) {
            match self.poll_delivery(cx) {
                Poll::Ready(Some(Ok(delivery))) => deliveries.push(delivery),
                Poll::Ready(Some(Err(error))) if deliveries.is_empty() => {
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) if deliveries.is_empty() => return Poll::Ready(None),
                Poll::Ready(ended) => {
                    self.held = Some(ended);
                    break;
                }
                Poll::Pending => break,
            }
        }
        if deliveries.is_empty() {
            return Poll::Pending;
        }
        let settings = Arc::clone(&self.channel.settings);
        Poll::Ready(Some(Ok(Batch::new(deliveries, settings))))
    }

    /// Polls for the next message, without a span.
    pub(crate) fn poll_delivery(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<lapin::Result<Delivery>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(held);
        }
        loop {
            let item = std::task::ready!(self.inner.poll_next_unpin(cx));
            return Poll::Ready(match item {
                // its connection is lost: it cannot be settled, and is delivered again
                Some(Ok(delivery)) if !self.no_ack && !delivery.usable() => continue,
                Some(Ok(delivery)) => {
                    let settings = &self.channel.settings;
                    let delivery = Delivery::new(delivery, &self.queue, self.no_ack, settings);
                    Some(Ok(delivery))
                }
                Some(Err(error)) => Some(Err(error)),
                None => None,
            });
        }
    }
}

impl Stream for Consumer {
    type Item = lapin::Result<Delivery>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.poll_delivery(cx));
        if let Some(Ok(delivery)) = &next {
            delivery.count_consumed();
            delivery.begin();
        }
        Poll::Ready(next)
    }
}

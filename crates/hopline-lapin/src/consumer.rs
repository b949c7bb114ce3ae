//! The consumer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use hopline_core::Trust;
use lapin::ConsumerDelegate;
use lapin::types::ShortString;

use crate::batch::Batch;
use crate::channel::Channel;
use crate::delegate::Delegate;
use crate::delivery::Delivery;

/// The messages of a queue, as a stream or for a [handler](Consumer::run).
///
/// As a stream it gives each message with its process span begun, which ends when the message is settled. Nothing can make
/// that span current in the body of a loop but the loop itself: run what queries, calls or publishes in
/// [`Delivery::context`], or its spans begin traces of their own, which one notice reports.
///
/// ```no_run
/// # async fn ship(_: &hopline_lapin::Delivery) {}
/// # async fn run(mut consumer: hopline_lapin::Consumer) -> lapin::Result<()> {
/// use futures_util::StreamExt;
/// use hopline_core::FutureExt;
/// use lapin::options::BasicAckOptions;
///
/// while let Some(delivery) = consumer.next().await {
///     let delivery = delivery?;
///     ship(&delivery).in_context(delivery.context()).await;
///     delivery.ack(BasicAckOptions::default()).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// It ends when the queue or the consumer is gone; an error of the channel comes before its end. What was fetched from
/// a connection that is gone is passed over: it could not be settled, and will be delivered again.
///
/// Its clones are the same consumer: each message is delivered to one of them.
#[derive(Clone, Debug)]
pub struct Consumer {
    inner: lapin::Consumer,
    pub(crate) channel: Channel,
    queue: Arc<str>,
    pub(crate) no_ack: bool,
    /// An error or the end that came behind the messages of a batch: lapin gives each once.
    held: Option<Option<lapin::Result<Delivery>>>,
}

impl Consumer {
    pub(crate) fn new(
        inner: lapin::Consumer,
        channel: Channel,
        queue: &ShortString,
        no_ack: bool,
    ) -> Self {
        Self {
            inner,
            channel,
            queue: queue.as_str().into(),
            no_ack,
            held: None,
        }
    }

    /// The tag by which the broker knows it.
    pub fn tag(&self) -> ShortString {
        self.inner.tag()
    }

    /// The queue that it consumes.
    pub fn queue(&self) -> ShortString {
        self.inner.queue()
    }

    /// Sets the use of the trace context of its messages; see [`Channel::trust`].
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.channel = self.channel.trust(trust);
        self
    }

    /// Has lapin run this for each message, on its executor and without a limit, as lapin's own: the process span is
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

    /// The messages in batches, each of what is there and at most so many, at least one.
    ///
    /// An error of the channel comes after the messages that came before it. The channel's prefetch should be as
    /// many at least: a batch grows no larger than that.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn store(_: &[hopline_lapin::Delivery]) {}
    /// # async fn run(consumer: hopline_lapin::Consumer) -> Result<(), lapin::Error> {
    /// use futures_util::StreamExt;
    /// use hopline_core::FutureExt;
    /// use hopline_lapin::Outcome;
    ///
    /// let mut batches = consumer.batches(100);
    /// while let Some(batch) = batches.next().await {
    ///     let batch = batch?;
    ///     store(batch.deliveries()).in_span(batch.process_span()).await;
    ///     batch.settle(Outcome::Ack).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn batches(mut self, max: usize) -> impl Stream<Item = lapin::Result<Batch>> + Unpin {
        futures_util::stream::poll_fn(move |cx| self.poll_batch(max, cx))
    }

    /// Takes what is there, in one go, so that nothing is lost if nobody polls again.
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

    /// The next message, without a span.
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
                // its connection is gone: it cannot be settled, and will be delivered again
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
            delivery.begin();
        }
        Poll::Ready(next)
    }
}

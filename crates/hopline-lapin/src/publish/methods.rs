//! Several publishes at once, and waiting for a recovery: the methods that publishing adds to a channel.

use futures_util::future::join_all;
use hopline_core::{FutureExt, SpanKind};
use lapin::Confirmation;
use lapin::message::BasicReturnMessage;

use super::builder::Publish;
use crate::channel::Channel;
use crate::error::PublishError;
use crate::span::{InFlight, Operation, Subject};

impl Channel {
    /// Builds a message to publish; awaiting it publishes, and completes when the broker has answered.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
    /// # use hopline_lapin::{ChannelExt, PublishError};
    /// # let channel = connection.create_channel().await?.traced();
    /// # channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await?;
    /// let unroutable = channel.publish("", "no-such-queue", b"7").mandatory().await;
    /// assert!(unroutable.is_err_and(|error| error.is_unroutable()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish<'a>(&'a self, exchange: &'a str, key: &'a str, body: &'a [u8]) -> Publish<'a> {
        Publish::new(self, exchange, key, body)
    }

    /// Publishes several messages in this order, and waits for all confirms at once.
    ///
    /// Returns each message's result, in the same order. Each has its own publish span, under one span `publish.batch`.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, each message may or may not have been published.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
    /// # use hopline_lapin::ChannelExt;
    /// # let channel = connection.create_channel().await?.traced();
    /// # channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await?;
    /// let orders = ["7", "8", "9"].map(|body| channel.publish("", "orders", body.as_bytes()));
    /// let results = channel.publish_all(orders).await;
    /// assert!(results.iter().all(|result| matches!(result, Ok(confirm) if confirm.is_ack())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn publish_all<'a>(
        &'a self,
        messages: impl IntoIterator<Item = Publish<'a>>,
    ) -> Vec<Result<Confirmation, PublishError>> {
        let messages: Vec<Publish<'a>> = messages.into_iter().collect();
        if messages.is_empty() {
            return Vec::new();
        }
        // the name that all share; empty if they differ
        let common = |name: fn(&Publish<'a>) -> &'a str| {
            let first = messages.first().map_or("", name);
            let all = messages.iter().all(|message| name(message) == first);
            if all { first } else { "" }
        };
        let subject = Subject {
            operation: Operation::PublishBatch,
            exchange: common(|message| message.exchange),
            key: common(|message| message.key),
            queue: None,
            links: &[],
            content: None,
        };
        let span = subject.start(SpanKind::Client, &self.settings);
        span.set("messaging.batch.message_count", messages.len());
        let batch = InFlight::of_several(span);
        let messages = messages.into_iter().map(IntoFuture::into_future);
        let results = join_all(messages).in_context(batch.context()).await;
        let failed = results.iter().find_map(|result| result.as_ref().err());
        // the batch has the first failure; each is on its own span
        let _ = batch.ended(failed.map_or(Ok(()), Err), |error| error.error_type());
        results
    }

    /// Waits until all messages published on this channel so far are answered. Returns the returned messages whose
    /// confirms were dropped.
    ///
    /// On a channel without confirms it returns the messages returned so far.
    ///
    /// # Errors
    ///
    /// Returns an error if the channel failed, or a message was not published whose confirm was dropped.
    pub async fn wait_for_confirms(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        if !self.inner.status().confirm() {
            return self.inner.wait_for_confirms().await;
        }
        self.recovery.over(self.returns.all()).await?
    }

    /// Waits until lapin has recovered the channel, after an error of lapin's or of [`publish`](Channel::publish).
    ///
    /// # Errors
    ///
    /// Returns the error itself if auto-recovery is off, it is not an error of the connection, or lapin gave up; and
    /// [`PublishError::NotRecovered`] after the [`recovery_limit`](Channel::recovery_limit), which needs a tokio
    /// runtime.
    pub async fn wait_for_recovery(
        &self,
        error: impl Into<PublishError>,
    ) -> Result<(), PublishError> {
        match error.into() {
            PublishError::Lapin(error) => self.recovery.wait(&self.inner, error).await,
            other => Err(other),
        }
    }
}

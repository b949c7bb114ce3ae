//! What a traced channel hands to lapin's as it is.

use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{ChannelStatus, ExchangeKind, Queue};

use crate::channel::Channel;

/// What is forwarded as it is; see lapin.
impl Channel {
    /// Declares a queue.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn queue_declare(
        &self,
        queue: ShortString,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> lapin::Result<Queue> {
        self.inner.queue_declare(queue, options, arguments).await
    }

    /// Binds a queue to an exchange.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn queue_bind(
        &self,
        queue: ShortString,
        exchange: ShortString,
        key: ShortString,
        options: QueueBindOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        self.inner
            .queue_bind(queue, exchange, key, options, arguments)
            .await
    }

    /// Removes a binding of a queue to an exchange.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn queue_unbind(
        &self,
        queue: ShortString,
        exchange: ShortString,
        key: ShortString,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        self.inner
            .queue_unbind(queue, exchange, key, arguments)
            .await
    }

    /// Drops the messages of a queue; gives how many there were.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn queue_purge(
        &self,
        queue: ShortString,
        options: QueuePurgeOptions,
    ) -> lapin::Result<u32> {
        self.inner.queue_purge(queue, options).await
    }

    /// Deletes a queue; gives how many messages it had.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn queue_delete(
        &self,
        queue: ShortString,
        options: QueueDeleteOptions,
    ) -> lapin::Result<u32> {
        self.inner.queue_delete(queue, options).await
    }

    /// Declares an exchange.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn exchange_declare(
        &self,
        exchange: ShortString,
        kind: ExchangeKind,
        options: ExchangeDeclareOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        self.inner
            .exchange_declare(exchange, kind, options, arguments)
            .await
    }

    /// Deletes an exchange.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn exchange_delete(
        &self,
        exchange: ShortString,
        options: ExchangeDeleteOptions,
    ) -> lapin::Result<()> {
        self.inner.exchange_delete(exchange, options).await
    }

    /// Limits how many messages may be under way.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_qos(
        &self,
        prefetch_count: u16,
        options: BasicQosOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_qos(prefetch_count, options).await
    }

    /// Stops a consumer.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_cancel(
        &self,
        tag: ShortString,
        options: BasicCancelOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_cancel(tag, options).await
    }

    /// Has the broker confirm what is published.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn confirm_select(&self, options: ConfirmSelectOptions) -> lapin::Result<()> {
        self.inner.confirm_select(options).await
    }

    /// Acknowledges by delivery tag; [`Delivery::ack`](crate::Delivery::ack) knows its own.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_ack(&self, tag: u64, options: BasicAckOptions) -> lapin::Result<()> {
        self.inner.basic_ack(tag, options).await
    }

    /// Hands back or drops by delivery tag.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_nack(&self, tag: u64, options: BasicNackOptions) -> lapin::Result<()> {
        self.inner.basic_nack(tag, options).await
    }

    /// Hands back or drops one message by delivery tag.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_reject(&self, tag: u64, options: BasicRejectOptions) -> lapin::Result<()> {
        self.inner.basic_reject(tag, options).await
    }

    /// What state the channel is in.
    pub fn status(&self) -> &ChannelStatus {
        self.inner.status()
    }

    /// Closes the channel.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn close(&self, code: u16, text: ShortString) -> lapin::Result<()> {
        self.inner.close(code, text).await
    }
}

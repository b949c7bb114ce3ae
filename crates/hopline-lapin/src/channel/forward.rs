//! Methods that a traced channel forwards to lapin's unchanged.

use lapin::options::{
    AccessRequestOptions, BasicAckOptions, BasicCancelOptions, BasicNackOptions, BasicQosOptions,
    BasicRecoverAsyncOptions, BasicRecoverOptions, BasicRejectOptions, ChannelFlowOptions,
    ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    ExchangeUnbindOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{ChannelId, FieldTable, ShortString};
use lapin::{ChannelStatus, ExchangeKind, Queue};

use crate::channel::Channel;

/// Methods of lapin's channel, forwarded unchanged.
impl Channel {
    /// Declares a queue.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
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
    /// Returns lapin's errors.
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
    /// Returns lapin's errors.
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

    /// Purges a queue. Returns the number of messages it had.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn queue_purge(
        &self,
        queue: ShortString,
        options: QueuePurgeOptions,
    ) -> lapin::Result<u32> {
        self.inner.queue_purge(queue, options).await
    }

    /// Deletes a queue. Returns the number of messages it had.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
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
    /// Returns lapin's errors.
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
    /// Returns lapin's errors.
    pub async fn exchange_delete(
        &self,
        exchange: ShortString,
        options: ExchangeDeleteOptions,
    ) -> lapin::Result<()> {
        self.inner.exchange_delete(exchange, options).await
    }

    /// Binds an exchange to another one.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn exchange_bind(
        &self,
        destination: ShortString,
        source: ShortString,
        routing_key: ShortString,
        options: ExchangeBindOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        self.inner
            .exchange_bind(destination, source, routing_key, options, arguments)
            .await
    }

    /// Removes a binding of an exchange to another one.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn exchange_unbind(
        &self,
        destination: ShortString,
        source: ShortString,
        routing_key: ShortString,
        options: ExchangeUnbindOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        self.inner
            .exchange_unbind(destination, source, routing_key, options, arguments)
            .await
    }

    /// Sets the prefetch: the number of messages that may be unacknowledged.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_qos(
        &self,
        prefetch_count: u16,
        options: BasicQosOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_qos(prefetch_count, options).await
    }

    /// Cancels a consumer.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_cancel(
        &self,
        tag: ShortString,
        options: BasicCancelOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_cancel(tag, options).await
    }

    /// Makes the broker deliver unacknowledged messages again.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_recover(&self, options: BasicRecoverOptions) -> lapin::Result<()> {
        self.inner.basic_recover(options).await
    }

    /// As [`basic_recover`](Channel::basic_recover), without waiting for the broker's answer.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_recover_async(
        &self,
        options: BasicRecoverAsyncOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_recover_async(options).await
    }

    /// Makes the channel transactional: publishes and acknowledgements take effect at [`tx_commit`](Channel::tx_commit).
    /// Their spans end before that.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn tx_select(&self) -> lapin::Result<()> {
        self.inner.tx_select().await
    }

    /// Commits the current transaction.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn tx_commit(&self) -> lapin::Result<()> {
        self.inner.tx_commit().await
    }

    /// Rolls back the current transaction.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn tx_rollback(&self) -> lapin::Result<()> {
        self.inner.tx_rollback().await
    }

    /// Pauses or resumes deliveries. Returns true if they are active.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn channel_flow(&self, options: ChannelFlowOptions) -> lapin::Result<bool> {
        self.inner.channel_flow(options).await
    }

    /// Requests access to a realm, which AMQP 0-9-1 brokers ignore.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn access_request(
        &self,
        realm: ShortString,
        options: AccessRequestOptions,
    ) -> lapin::Result<()> {
        self.inner.access_request(realm, options).await
    }

    /// Enables publisher confirms.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn confirm_select(&self, options: ConfirmSelectOptions) -> lapin::Result<()> {
        self.inner.confirm_select(options).await
    }

    /// Acknowledges by delivery tag. [`Delivery::ack`](crate::Delivery::ack) ends the message's span too.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_ack(&self, tag: u64, options: BasicAckOptions) -> lapin::Result<()> {
        self.inner.basic_ack(tag, options).await
    }

    /// Rejects or requeues by delivery tag, several if `multiple` is set.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_nack(&self, tag: u64, options: BasicNackOptions) -> lapin::Result<()> {
        self.inner.basic_nack(tag, options).await
    }

    /// Rejects or requeues one message by delivery tag.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn basic_reject(&self, tag: u64, options: BasicRejectOptions) -> lapin::Result<()> {
        self.inner.basic_reject(tag, options).await
    }

    /// Returns the channel's number on its connection.
    pub fn id(&self) -> ChannelId {
        self.inner.id()
    }

    /// Returns the channel's state.
    pub fn status(&self) -> &ChannelStatus {
        self.inner.status()
    }

    /// Closes the channel.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn close(&self, code: u16, text: ShortString) -> lapin::Result<()> {
        self.inner.close(code, text).await
    }
}

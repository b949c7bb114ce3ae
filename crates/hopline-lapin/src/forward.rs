//! What a traced channel hands to lapin's as it is.

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

    /// Has an exchange pass on to another one what matches.
    ///
    /// # Errors
    ///
    /// As lapin's own.
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
    /// As lapin's own.
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

    /// Has the broker deliver again what is not settled.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_recover(&self, options: BasicRecoverOptions) -> lapin::Result<()> {
        self.inner.basic_recover(options).await
    }

    /// The same without waiting for its answer.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_recover_async(
        &self,
        options: BasicRecoverAsyncOptions,
    ) -> lapin::Result<()> {
        self.inner.basic_recover_async(options).await
    }

    /// Begins transactions: what is published and acknowledged counts from [`tx_commit`](Channel::tx_commit) on. Spans
    /// end before that.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn tx_select(&self) -> lapin::Result<()> {
        self.inner.tx_select().await
    }

    /// Commits a transaction.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn tx_commit(&self) -> lapin::Result<()> {
        self.inner.tx_commit().await
    }

    /// Drops what a transaction published and acknowledged.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn tx_rollback(&self) -> lapin::Result<()> {
        self.inner.tx_rollback().await
    }

    /// Has the broker pause or go on with deliveries; gives what it does.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn channel_flow(&self, options: ChannelFlowOptions) -> lapin::Result<bool> {
        self.inner.channel_flow(options).await
    }

    /// Asks for access to a realm, which brokers of AMQP 0-9-1 pass over.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn access_request(
        &self,
        realm: ShortString,
        options: AccessRequestOptions,
    ) -> lapin::Result<()> {
        self.inner.access_request(realm, options).await
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

    /// The channel's number on its connection.
    pub fn id(&self) -> ChannelId {
        self.inner.id()
    }

    /// The channel's state.
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

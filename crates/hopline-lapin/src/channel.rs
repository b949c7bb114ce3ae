//! The channel.

use std::sync::Arc;

use hopline_core::{OlderNames, SpanNames, Tracer};
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation, ExchangeKind, Queue};

use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::error::PublishError;
use crate::gate::Gate;
use crate::publish::{self, Publish};
use crate::settings::Settings;

/// Adds `.traced()` to channels.
pub trait ChannelExt {
    /// The same channel, with a span for every message.
    fn traced(&self) -> Channel;
}

impl ChannelExt for lapin::Channel {
    fn traced(&self) -> Channel {
        Channel {
            inner: self.clone(),
            settings: Arc::new(Settings::from_env()),
            gate: Gate::default(),
        }
    }
}

/// A channel whose publishes and deliveries are spans. See the [crate](crate).
///
/// Cloning it gives another handle to the same channel.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(crate) inner: lapin::Channel,
    pub(crate) settings: Arc<Settings>,
    pub(crate) gate: Gate,
}

impl Channel {
    /// Records with this tracer: publishes instead of the current context's, deliveries instead of the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|settings| settings.tracer = Some(tracer))
    }

    /// How spans are named; what the environment says, if not said.
    #[must_use]
    pub fn span_names(self, names: SpanNames) -> Self {
        self.with(|settings| settings.names = names)
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|settings| settings.older_names = names)
    }

    /// Processes each message in a trace of its own, which links to its publish span. Baggage still travels.
    #[must_use]
    pub fn link_only(self) -> Self {
        self.with(|settings| settings.link_only = true)
    }

    /// lapin's own channel, by which nothing is traced.
    pub fn raw(&self) -> &lapin::Channel {
        &self.inner
    }

    /// Publishes a message: `channel.publish("", "orders", b"7").mandatory().await?`.
    pub fn publish<'a>(&'a self, exchange: &'a str, key: &'a str, body: &'a [u8]) -> Publish<'a> {
        Publish::new(self, exchange, key, body)
    }

    /// Publishes a message, with lapin's own arguments, and waits for the confirm if the channel has them on.
    ///
    /// # Errors
    ///
    /// The broker returned or refused it, or the channel failed.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, whether the message was published is not known; its span ends without an error.
    pub async fn basic_publish(
        &self,
        exchange: ShortString,
        key: ShortString,
        options: BasicPublishOptions,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<Confirmation, PublishError> {
        publish::publish(self, exchange, key, options, body, properties).await
    }

    /// Starts to consume a queue. Set [`basic_qos`](Channel::basic_qos) first, or all of it comes at once.
    ///
    /// # Errors
    ///
    /// As lapin's own.
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
        Ok(Consumer::new(
            inner,
            self.inner.clone(),
            queue,
            options.no_ack,
            Arc::clone(&self.settings),
        ))
    }

    /// Fetches one message, if there is one.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_get(
        &self,
        queue: ShortString,
        options: BasicGetOptions,
    ) -> lapin::Result<Option<Delivery>> {
        let receive = Delivery::receive_span(&queue, &self.settings);
        match self.inner.basic_get(queue.clone(), options).await {
            Ok(Some(message)) => {
                let delivery = Delivery::new(message.delivery, &queue, &self.settings);
                if let Some(parent) = delivery.publisher() {
                    receive.link(parent);
                }
                Ok(Some(delivery))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                let error_type = crate::error::error_type(&error);
                receive.fail(&error_type);
                Err(error)
            }
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

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

    /// Closes the channel.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn close(&self, code: u16, text: ShortString) -> lapin::Result<()> {
        self.inner.close(code, text).await
    }
}

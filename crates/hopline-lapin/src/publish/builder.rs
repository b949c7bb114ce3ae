//! The builder of a message to publish.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use hopline_core::SpanKind;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Confirmation};

use super::message::{Carry, Message};
use super::send::publish;
use crate::channel::Channel;
use crate::error::PublishError;
use crate::span::{Measured, Operation, Subject};

/// A message to publish, made by [`Channel::publish`]. Awaiting it publishes, and completes when the broker has
/// answered.
///
/// On a channel without confirms the answer is [`Confirmation::NotRequested`], once the frames are written.
///
/// # Errors
///
/// Awaiting it returns an error if the broker returned or refused the message, a name or text property is longer than
/// 255 bytes, its headers are too large or nested too deep, or the channel failed.
///
/// # Cancellation
///
/// If the future is dropped, the message may or may not have been published. Its span has `error.type` `cancelled`,
/// and is not failed.
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::ChannelExt;
/// # use lapin::options::{BasicGetOptions, ConfirmSelectOptions, QueueDeclareOptions};
/// # use lapin::types::FieldTable;
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
/// let order = channel.publish("", "orders", b"{}").mandatory().persistent();
/// order.content_type("application/json").message_id("7").await?;
/// let got = channel.basic_get("orders".into(), BasicGetOptions::default()).await?.expect("a message");
/// assert_eq!(got.properties.message_id().as_ref().map(|id| id.as_str()), Some("7"));
/// assert_eq!(got.properties.delivery_mode(), &Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'a> {
    pub(super) channel: &'a Channel,
    pub(super) exchange: &'a str,
    pub(super) key: &'a str,
    body: &'a [u8],
    options: BasicPublishOptions,
    properties: BasicProperties,
    resend: bool,
    /// The first mistake in its construction.
    invalid: Option<PublishError>,
}

impl<'a> Publish<'a> {
    pub(crate) fn new(
        channel: &'a Channel,
        exchange: &'a str,
        key: &'a str,
        body: &'a [u8],
    ) -> Self {
        Self {
            channel,
            exchange,
            key,
            body,
            options: BasicPublishOptions::default(),
            properties: BasicProperties::default(),
            resend: false,
            invalid: None,
        }
    }

    /// Fails the publish if no queue is bound for the message. The broker reports this on channels with confirms only.
    pub fn mandatory(mut self) -> Self {
        self.options.mandatory = true;
        self
    }

    /// Sets the delivery mode to persistent: the message survives a restart of the broker if its queue is durable.
    pub fn persistent(mut self) -> Self {
        self.properties = self.properties.with_delivery_mode(2);
        self
    }

    /// Sets all properties of the message, replacing those set before.
    ///
    /// A trace context in their headers is kept, and the publish span links to it. Headers of a dead letter are the
    /// exception: the message gets the current context, and its span links to the old one.
    pub fn properties(mut self, properties: BasicProperties) -> Self {
        self.properties = properties;
        self
    }

    /// Adds a header.
    ///
    /// `baggage` is joined with that of the current context by a comma. A `traceparent` is kept, and the span links to
    /// it.
    pub fn header(mut self, key: &str, value: AMQPValue) -> Self {
        let Some(key) = self.short(key, "header's name") else {
            return self;
        };
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(key, value);
        self.properties = self.properties.with_headers(headers);
        self
    }

    /// Sets the property `message-id`.
    pub fn message_id(self, id: &str) -> Self {
        self.with(id, "message id", BasicProperties::with_message_id)
    }

    /// Sets the property `correlation-id`, by which a reply names its request.
    pub fn correlation_id(self, id: &str) -> Self {
        self.with(id, "correlation id", BasicProperties::with_correlation_id)
    }

    /// Sets the property `reply-to`: the queue for a reply.
    pub fn reply_to(self, queue: &str) -> Self {
        self.with(queue, "reply queue", BasicProperties::with_reply_to)
    }

    /// Sets the property `content-type`, such as `application/json`.
    pub fn content_type(self, name: &str) -> Self {
        self.with(name, "content type", BasicProperties::with_content_type)
    }

    /// Sets the property `expiration`: the time to live in its queue, in milliseconds.
    pub fn expires_after(self, time: Duration) -> Self {
        let millis = time.as_millis().to_string();
        self.with(&millis, "expiration", BasicProperties::with_expiration)
    }

    /// Publishes the message again after a lost connection, once lapin has recovered it. The message may arrive twice.
    ///
    /// Waits as long as lapin tries, up to the channel's [`recovery_limit`](Channel::recovery_limit). Fails at the 17th
    /// lost connection, since the broker may close them because of this message. Without auto-recovery it fails at
    /// the first.
    pub fn resend(mut self) -> Self {
        self.resend = true;
        self
    }

    /// Builds a reply to the message with these properties.
    pub(crate) fn in_reply_to(
        channel: &'a Channel,
        request: &'a BasicProperties,
        body: &'a [u8],
    ) -> Self {
        let to = request.reply_to().as_ref().map(ShortString::as_str);
        let mut reply = Self::new(channel, "", to.unwrap_or_default(), body);
        if to.is_none() {
            reply.invalid = Some(PublishError::NoReplyTo);
        }
        let id = request.correlation_id().as_ref();
        if let Some(id) = id.or(request.message_id().as_ref()) {
            reply.properties = reply.properties.with_correlation_id(id.clone());
        }
        reply
    }

    fn with(
        mut self,
        text: &str,
        what: &'static str,
        set: impl FnOnce(BasicProperties, ShortString) -> BasicProperties,
    ) -> Self {
        if let Some(text) = self.short(text, what) {
            self.properties = set(self.properties, text);
        }
        self
    }

    fn short(&mut self, text: &str, what: &'static str) -> Option<ShortString> {
        let short = ShortString::try_new(text);
        if short.is_err() {
            self.invalid.get_or_insert(PublishError::NameTooLong(what));
        }
        short.ok()
    }

    /// Records a failed span for a message that cannot be sent.
    fn refused(&self) -> PublishError {
        // set wherever this is called
        let error = self.invalid.clone();
        let error = error.unwrap_or(PublishError::NameTooLong("name"));
        let subject = Subject {
            operation: Operation::Publish,
            exchange: self.exchange,
            key: self.key,
            queue: None,
            links: &[],
            content: None,
        };
        let mut measured = Measured::start(&subject, SpanKind::Producer, &self.channel.settings);
        measured.fail(&error.error_type());
        measured.end();
        error
    }
}

impl<'a> IntoFuture for Publish<'a> {
    type Output = Result<Confirmation, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let exchange = self.short(self.exchange, "exchange");
        let key = self.short(self.key, "routing key");
        Box::pin(async move {
            let (Some(exchange), Some(key), None) = (exchange, key, &self.invalid) else {
                return Err(self.refused());
            };
            let message = Message {
                exchange,
                key,
                body: self.body,
                options: self.options,
                properties: self.properties,
                carry: Carry::New,
            };
            publish(self.channel, message, self.resend).await
        })
    }
}

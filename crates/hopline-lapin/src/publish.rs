//! Publishing.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use hopline_core::{Incoming, Kind, Literal, Name, Span, SpanBuilder, SpanContext, attr, semconv};
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation};

use crate::carrier::{TableExtractor, TableInjector};
use crate::channel::Channel;
use crate::destination::{destination, span_name};
use crate::error::PublishError;

/// A message about to be published: `.await` does it. See [`Channel::publish`].
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'a> {
    channel: &'a Channel,
    exchange: &'a str,
    key: &'a str,
    body: &'a [u8],
    options: BasicPublishOptions,
    properties: BasicProperties,
}

impl<'a> Publish<'a> {
    pub(crate) fn new(
        channel: &'a Channel,
        exchange: &'a str,
        key: &'a str,
        body: &'a [u8],
    ) -> Self {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        Self {
            channel,
            exchange,
            key,
            body,
            options,
            properties,
        }
    }

    /// Fails if no queue is bound for it. With confirms, mandatory messages of one channel go one at a time.
    pub fn mandatory(mut self) -> Self {
        self.options.mandatory = true;
        self
    }

    /// The message's properties. A context in their headers is kept, and linked to.
    pub fn properties(mut self, properties: BasicProperties) -> Self {
        self.properties = properties;
        self
    }
}

impl<'a> IntoFuture for Publish<'a> {
    type Output = Result<Confirmation, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let name = |name, what| {
                ShortString::try_new(name).map_err(|_| PublishError::NameTooLong(what))
            };
            let (exchange, key) = (
                name(self.exchange, "exchange")?,
                name(self.key, "routing key")?,
            );
            publish(
                self.channel,
                exchange,
                key,
                self.options,
                self.body,
                self.properties,
            )
            .await
        })
    }
}

pub(crate) async fn publish(
    channel: &Channel,
    exchange: ShortString,
    key: ShortString,
    options: BasicPublishOptions,
    body: &[u8],
    properties: BasicProperties,
) -> Result<Confirmation, PublishError> {
    let mut headers = properties.headers().clone().unwrap_or_default();
    let own = Incoming::extract(&TableExtractor(&headers)).parent;
    let span = start(
        channel,
        exchange.as_str(),
        key.as_str(),
        &properties,
        own.as_slice(),
    );
    if own.is_none() {
        span.context_ref().inject(&mut TableInjector(&mut headers));
    }
    let properties = if headers.inner().is_empty() {
        properties
    } else {
        properties.with_headers(headers)
    };
    let result = send(channel, exchange, key, options, body, properties).await;
    if let Err(error) = &result {
        span.fail(&error.error_type());
    }
    result
}

async fn send(
    channel: &Channel,
    exchange: ShortString,
    key: ShortString,
    options: BasicPublishOptions,
    body: &[u8],
    properties: BasicProperties,
) -> Result<Confirmation, PublishError> {
    let mut pass = channel.gate.pass(&channel.inner, options.mandatory).await?;
    // the first wait is for the socket, the second for the broker
    let confirmation = match channel
        .inner
        .basic_publish(exchange, key, options, body, properties)
        .await
    {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    pass.answered();
    match confirmation? {
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Err(PublishError::Unroutable),
        Confirmation::Nack(None) => Err(PublishError::Nacked),
        taken => Ok(taken),
    }
}

fn start(
    channel: &Channel,
    exchange: &str,
    key: &str,
    properties: &BasicProperties,
    links: &[SpanContext],
) -> Span {
    let settings = &channel.settings;
    let to = destination(exchange, key, None);
    let name = span_name(settings.names, "publish", &to);
    let builder = SpanBuilder::new(Name::dynamic(&name))
        .kind(Kind::Producer)
        .links(links)
        .destination(&to);
    let span = builder.start(settings.tracer.as_ref(), || {
        [
            attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
            attr("messaging.operation.name", Literal("publish")),
            attr("messaging.operation.type", Literal("send")),
            attr(semconv::MESSAGING_DESTINATION_NAME, &to),
            attr(
                "messaging.rabbitmq.destination.routing_key",
                (!key.is_empty()).then_some(key),
            ),
            attr(
                "messaging.message.id",
                properties.message_id().as_ref().map(ShortString::as_str),
            ),
            attr(
                "messaging.message.conversation_id",
                properties
                    .correlation_id()
                    .as_ref()
                    .map(ShortString::as_str),
            ),
        ]
    });
    if settings.older_names.messaging {
        span.set_all(|| {
            [
                attr("messaging.operation", Literal("publish")),
                attr("messaging.rabbitmq.routing_key", key),
            ]
        });
    }
    span
}

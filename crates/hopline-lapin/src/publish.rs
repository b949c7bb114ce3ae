//! Publishing.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join_all;
use hopline_core::{FutureExt, Kind};
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Confirmation};

use crate::channel::Channel;
use crate::delivery::Delivery;
use crate::error::PublishError;
use crate::recovery;
use crate::send::{Carry, Message, Sent, outgoing};
use crate::span::destination::Operation;
use crate::span::subject::{InFlight, Subject};

/// How often a message is published again after its connection was lost.
const MAX_RESENDS: u32 = 16;

/// A message about to be published: `.await` does it. See [`Channel::publish`].
///
/// # Errors
///
/// The broker returned or refused it, a name in it is longer than 255 bytes, its headers are too large, or the
/// channel failed.
///
/// # Cancellation
///
/// If it is dropped, whether the message was published is not known; its span has `error.type` `cancelled`, which is no
/// error.
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) exchange: &'a str,
    pub(crate) key: &'a str,
    body: &'a [u8],
    options: BasicPublishOptions,
    properties: BasicProperties,
    resend: bool,
    /// What was wrong with it already when it was put together.
    wrong: Option<PublishError>,
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
            wrong: None,
        }
    }

    /// Fails if no queue is bound for it, which the broker says only on channels with confirms.
    pub fn mandatory(mut self) -> Self {
        self.options.mandatory = true;
        self
    }

    /// The message survives a restart of the broker, if its queue does.
    pub fn persistent(mut self) -> Self {
        self.properties = self.properties.with_delivery_mode(2);
        self
    }

    /// The message's properties, all of them. A context in their headers is kept and linked to, unless they are a
    /// dead letter's: that is published as a new message, which links to the old one.
    pub fn properties(mut self, properties: BasicProperties) -> Self {
        self.properties = properties;
        self
    }

    /// Adds a header. `baggage` is joined with that of the context by a comma; a `traceparent` is kept, and linked to.
    pub fn header(mut self, key: &str, value: AMQPValue) -> Self {
        let Some(key) = self.short(key, "header's name") else {
            return self;
        };
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(key, value);
        self.properties = self.properties.with_headers(headers);
        self
    }

    /// The message's id.
    pub fn message_id(self, id: &str) -> Self {
        self.with(id, "message id", BasicProperties::with_message_id)
    }

    /// What the message belongs to: a request's reply names the request by it.
    pub fn correlation_id(self, id: &str) -> Self {
        self.with(id, "correlation id", BasicProperties::with_correlation_id)
    }

    /// The queue that is to get a reply.
    pub fn reply_to(self, queue: &str) -> Self {
        self.with(queue, "reply queue", BasicProperties::with_reply_to)
    }

    /// The type of its body, like `application/json`.
    pub fn content_type(self, name: &str) -> Self {
        self.with(name, "content type", BasicProperties::with_content_type)
    }

    /// How long it may wait in its queue, in steps of a millisecond.
    pub fn expires_after(self, time: Duration) -> Self {
        let millis = time.as_millis().to_string();
        self.with(&millis, "expiration", BasicProperties::with_expiration)
    }

    /// If the connection is lost, waits until lapin has recovered it and publishes the message again: at least
    /// once, so it may arrive twice. On connections without auto-recovery it fails as others do.
    ///
    /// It waits as long as lapin tries, but no longer than the channel's [`recovery_limit`](Channel::recovery_limit).
    /// One that lost its connection for the 17th time fails: it may be what the broker closes the connection for.
    pub fn resend(mut self) -> Self {
        self.resend = true;
        self
    }

    /// A reply to this message.
    pub(crate) fn in_reply_to(
        channel: &'a Channel,
        request: &'a BasicProperties,
        body: &'a [u8],
    ) -> Self {
        let to = request.reply_to().as_ref().map(ShortString::as_str);
        let mut reply = Self::new(channel, "", to.unwrap_or_default(), body);
        if to.is_none() {
            reply.wrong = Some(PublishError::NoReplyTo);
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
            self.wrong.get_or_insert(PublishError::NameTooLong(what));
        }
        short.ok()
    }
}

impl<'a> IntoFuture for Publish<'a> {
    type Output = Result<Confirmation, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let exchange = self.short(self.exchange, "exchange");
        let key = self.short(self.key, "routing key");
        Box::pin(async move {
            let (Some(exchange), Some(key)) = (exchange, key) else {
                return Err(refused(&self, self.wrong.clone()));
            };
            if self.wrong.is_some() {
                return Err(refused(&self, self.wrong.clone()));
            }
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

/// Publishes a message until the broker has answered, with the span over all of it.
pub(crate) async fn publish(
    channel: &Channel,
    mut message: Message<'_>,
    resend: bool,
) -> Result<Confirmation, PublishError> {
    let (span, properties) = outgoing(channel, &mut message);
    let in_flight = InFlight::new(span);
    let mut properties = match properties {
        Ok(properties) => properties,
        Err(error) => return in_flight.ended(Err(error), PublishError::error_type),
    };
    let mut resent = 0_u32;
    let result = loop {
        // what is published once needs no copy
        let again = resend.then(|| properties.clone());
        let work = answered(channel, &message, std::mem::take(&mut properties));
        let error = match channel
            .watch
            .over(channel, work)
            .await
            .and_then(|sent| sent)
        {
            Err(PublishError::Lapin(error)) => error,
            other => break other,
        };
        let Some(copy) = again.filter(|_| resent < MAX_RESENDS) else {
            break Err(error.into());
        };
        properties = copy;
        if let Err(error) = recovery::wait(channel, error).await {
            break Err(error);
        }
        resent += 1;
        let span = in_flight.context();
        span.set("hopline.messaging.resend_count", resent);
    };
    in_flight.ended(result, PublishError::error_type)
}

async fn answered(
    channel: &Channel,
    message: &Message<'_>,
    properties: BasicProperties,
) -> Result<Confirmation, PublishError> {
    let confirmation = match Sent::start(channel, message, properties).await? {
        Sent::Unconfirmed => Confirmation::NotRequested,
        Sent::Confirming(ticket) => ticket.answer().await?,
    };
    match confirmation {
        Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) => {
            Err(PublishError::Unroutable {
                code: message.reply_code,
                text: message.reply_text.to_string(),
                body: message.delivery.data,
            })
        }
        Confirmation::Nack(None) => Err(PublishError::Nacked),
        taken => Ok(taken),
    }
}

/// A span for what cannot be sent at all.
fn refused(message: &Publish<'_>, why: Option<PublishError>) -> PublishError {
    // there is a reason wherever this is called
    let why = why.unwrap_or(PublishError::NameTooLong("name"));
    let subject = Subject {
        operation: Operation::Publish,
        exchange: message.exchange,
        key: message.key,
        queue: None,
        links: &[],
    };
    let span = subject.start(Kind::Producer, &message.channel.settings);
    span.fail(&why.error_type());
    why
}

impl Channel {
    /// Publishes several messages, and waits for all their confirms at once.
    ///
    /// Each has its own publish span and outcome, under one span `publish.batch`. They are sent in this order.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, what was published is not known.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(channel: hopline_lapin::Channel) {
    /// let bodies = ["7", "8", "9"];
    /// let orders = bodies.iter().map(|body| channel.publish("", "orders", body.as_bytes()).mandatory());
    /// let results = channel.publish_all(orders).await;
    /// assert!(results.iter().all(Result::is_ok));
    /// # }
    /// ```
    pub async fn publish_all<'a>(
        &'a self,
        messages: impl IntoIterator<Item = Publish<'a>>,
    ) -> Vec<Result<Confirmation, PublishError>> {
        let messages: Vec<Publish<'a>> = messages.into_iter().collect();
        if messages.is_empty() {
            return Vec::new();
        }
        // what they have in common; empty where they differ
        let same = |name: fn(&Publish<'a>) -> &'a str| {
            let first = messages.first().map_or("", name);
            let all = messages.iter().all(|message| name(message) == first);
            if all { first } else { "" }
        };
        let subject = Subject {
            operation: Operation::PublishBatch,
            exchange: same(|message| message.exchange),
            key: same(|message| message.key),
            queue: None,
            links: &[],
        };
        let span = subject.start(Kind::Client, &self.settings);
        span.set("messaging.batch.message_count", messages.len());
        let batch = InFlight::new(span);
        let messages = messages.into_iter().map(IntoFuture::into_future);
        let results = join_all(messages).in_context(batch.context()).await;
        let failed = results.iter().find_map(|result| result.as_ref().err());
        // the first failure stands for all, each of which is on its own span
        let _ = batch.ended(failed.map_or(Ok(()), Err), |error| error.error_type());
        results
    }

    /// Publishes a reply to this message: to the queue it names, under its correlation id.
    ///
    /// Awaiting it fails with [`PublishError::NoReplyTo`] if it names none. If it is mandatory it fails where nobody
    /// waits any more; but RabbitMQ returns mandatory replies by its direct reply-to in any case, having delivered them.
    pub fn reply<'a>(&'a self, to: &'a Delivery, body: &'a [u8]) -> Publish<'a> {
        Publish::in_reply_to(self, &to.properties, body)
    }

    /// As lapin's own, for its errors and those of [`publish`](Channel::publish): ready when the channel is recovered.
    ///
    /// # Errors
    ///
    /// The error itself, if auto-recovery is off, it is none of the connection's, or lapin gave up;
    /// [`PublishError::NotRecovered`], if it took longer than the [`recovery_limit`](Channel::recovery_limit), which
    /// needs a tokio runtime.
    pub async fn wait_for_recovery(
        &self,
        error: impl Into<PublishError>,
    ) -> Result<(), PublishError> {
        match error.into() {
            PublishError::Lapin(error) => recovery::wait(self, error).await,
            other => Err(other),
        }
    }
}

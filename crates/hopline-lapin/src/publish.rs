//! Publishing.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use hopline_core::{FutureExt, Incoming, Kind, Span, attr};
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation};

use crate::carrier::{TableExtractor, TableInjector};
use crate::channel::Channel;
use crate::delivery::Delivery;
use crate::destination::Operation;
use crate::error::PublishError;
use crate::gate::Member;
use crate::headers::{self, MAX_HEADERS};
use crate::properties::{conversation_id, message_id};
use crate::recovery;
use crate::span::{InFlight, Subject};

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
/// If it is dropped, whether the message was published is not known; its span says `cancelled`, which is no error.
/// A mandatory message that is neither awaited nor dropped holds up the mandatory ones after it.
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

    /// Adds a header.
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
    /// One that lost its connection for the 17th time fails: it may be what the broker closes the connection for. Needs
    /// a tokio runtime.
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
                resend: self.resend,
            };
            publish(self.channel, message).await
        })
    }
}

/// A message with all names checked.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) exchange: ShortString,
    pub(crate) key: ShortString,
    pub(crate) body: &'a [u8],
    pub(crate) options: BasicPublishOptions,
    pub(crate) properties: BasicProperties,
    pub(crate) resend: bool,
}

pub(crate) async fn publish(
    channel: &Channel,
    mut message: Message<'_>,
) -> Result<Confirmation, PublishError> {
    let (exchange, key) = (message.exchange.as_str(), message.key.as_str());
    let (span, headers) = start(channel, exchange, key, message.body, &message.properties);
    let headers = headers::harmless(headers);
    let in_flight = InFlight::new(span);
    if headers::encoded_len(&headers) > MAX_HEADERS {
        return in_flight.ended(Err(PublishError::HeadersTooLarge), PublishError::error_type);
    }
    if !headers.inner().is_empty() || message.properties.headers().is_some() {
        message.properties = message.properties.with_headers(headers);
    }
    if channel.settings.timestamps && message.properties.timestamp().is_none() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs();
        message.properties = message.properties.with_timestamp(seconds);
    }
    let mut resent = 0_u32;
    let result = loop {
        // what is published once needs no copy
        let properties = if message.resend {
            message.properties.clone()
        } else {
            std::mem::take(&mut message.properties)
        };
        let result = tokio::select! {
            biased;
            result = send(channel, &message, properties) => result,
            // lapin answers what a lost connection left unanswered only when it has another one
            overdue = recovery::overdue(channel) => Err(overdue),
        };
        let Err(PublishError::Lapin(error)) = result else {
            break result;
        };
        if !message.resend || resent == MAX_RESENDS {
            break Err(error.into());
        }
        if let Err(error) = recovery::wait(channel, error).await {
            break Err(error);
        }
        resent += 1;
        let span = in_flight.context();
        span.set("hopline.messaging.resend_count", resent);
    };
    in_flight.ended(result, PublishError::error_type)
}

async fn send(
    channel: &Channel,
    message: &Message<'_>,
    properties: BasicProperties,
) -> Result<Confirmation, PublishError> {
    let Message {
        exchange,
        key,
        body,
        options,
        ..
    } = message;
    let inner = &channel.inner;
    let (exchange, key) = (exchange.clone(), key.clone());
    if !inner.status().confirm() {
        // nothing is answered, and nothing that comes back is given to anybody
        let sent = inner.basic_publish(exchange, key, *options, body, properties);
        return Ok(sent.await?.await?);
    }
    if !options.mandatory && !options.immediate {
        let other = channel.gate.other().await;
        // the first wait is for the socket, the second for the broker
        let confirm = inner
            .basic_publish(exchange, key, *options, body, properties)
            .await;
        return match other.confirmed(confirm).await? {
            Confirmation::Nack(_) => Err(PublishError::Nacked),
            // nobody asked for returns: one that lapin gives here is another message's
            Confirmation::Ack(_) => Ok(Confirmation::Ack(None)),
            Confirmation::NotRequested => Ok(Confirmation::NotRequested),
        };
    }
    let member = Member::new(exchange.clone(), key.clone(), &properties);
    // on its own feet, since it outlives this future if that is dropped
    let confirming = {
        let (inner, options) = (inner.clone(), *options);
        let body = body.to_vec();
        Box::pin(async move {
            let confirm = inner.basic_publish(exchange, key, options, &body, properties);
            confirm.await?.await
        })
    };
    let (confirmation, returned) = channel.gate.mandatory(inner, member, confirming).await;
    match confirmation? {
        _ if returned => Err(PublishError::Unroutable),
        Confirmation::Nack(_) => Err(PublishError::Nacked),
        taken => Ok(taken),
    }
}

/// Starts the span of one message; gives the headers it is to be sent with.
fn start(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: &BasicProperties,
) -> (Span, FieldTable) {
    let mut headers = properties.headers().clone().unwrap_or_default();
    let own = Incoming::extract(&TableExtractor(&headers)).parent;
    let settings = &*channel.settings;
    let subject = Subject {
        operation: Operation::Publish,
        exchange,
        key,
        queue: None,
        links: own.as_slice(),
    };
    let span = subject.start(Kind::Producer, settings);
    span.set_all(|| {
        [
            attr("messaging.message.id", message_id(properties)),
            attr(
                "messaging.message.conversation_id",
                conversation_id(properties),
            ),
            attr("messaging.message.body.size", settings.body_size(body)),
        ]
    });
    // a dead letter that is published again carries the context of its first life, and starts another one
    if own.is_none() || headers::are_of_a_dead_letter(&headers) {
        span.context_ref().inject(&mut TableInjector(&mut headers));
    }
    (span, headers)
}

/// A span for what cannot be sent at all.
fn refused(message: &Publish<'_>, why: Option<PublishError>) -> PublishError {
    let Publish {
        channel,
        exchange,
        key,
        body,
        properties,
        ..
    } = message;
    // there is a reason wherever this is called
    let why = why.unwrap_or(PublishError::NameTooLong("name"));
    let (span, _) = start(channel, exchange, key, body, properties);
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
        Publish::in_reply_to(self, to.properties(), body)
    }

    /// As lapin's own, for a publish that failed: ready when the channel is recovered, an error if it will not be.
    ///
    /// Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// The error itself, if auto-recovery is off, it is none of the connection's, or lapin gave up;
    /// [`PublishError::NotRecovered`], if it took longer than the [`recovery_limit`](Channel::recovery_limit).
    pub async fn wait_for_recovery(&self, error: PublishError) -> Result<(), PublishError> {
        match error {
            PublishError::Lapin(error) => recovery::wait(self, error).await,
            other => Err(other),
        }
    }
}

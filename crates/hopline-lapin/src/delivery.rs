//! Messages that arrived.

use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use hopline_core::{Attr, Context, Incoming, Kind, Span, SpanContext, Trust, attr, semconv};
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::ShortString;
use lapin::{Acker, BasicProperties};

use crate::content::headers;
use crate::content::properties::{conversation_id, message_id, queue_time_ms};
use crate::content::republish;
use crate::outcome::Outcome;
use crate::processing::{LOST, Processing};
use crate::span::destination::{Operation, destination};
use crate::span::settings::Settings;
use crate::span::subject::Subject;

/// A message that arrived, with the context in which it was published.
///
/// Its fields are those of [`lapin::message::Delivery`], and may be moved out. A message that a
/// [runner](crate::RunOptions::max_retries) published again has the exchange, the routing key and the properties of its
/// first publish, and is `redelivered`.
///
/// Cloning it copies the message; the broker is answered once for all clones.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The tag by which its channel knows it.
    pub delivery_tag: u64,
    /// The exchange it was published to; empty for the default one.
    pub exchange: ShortString,
    /// The key it was published with.
    pub routing_key: ShortString,
    /// True if it was delivered before, to any consumer.
    pub redelivered: bool,
    /// Its properties, headers among them.
    pub properties: BasicProperties,
    /// Its body.
    pub data: Vec<u8>,
    /// Answers the broker; [`Delivery::ack`] and the others know what happened in their span, this does not.
    pub acker: Acker,
    pub(crate) inner: Arc<Inner>,
}

/// The data for settling, which outlives the parts that are moved out.
#[derive(Debug)]
pub(crate) struct Inner {
    acker: Acker,
    /// Its consumer's.
    pub(crate) queue: Arc<str>,
    no_ack: bool,
    /// What the broker counted of deliveries before this one, or that there was one.
    delivered: u64,
    /// The broker's own word, of this copy of the message.
    redelivered: bool,
    /// True if the queue counts by itself.
    pub(crate) counted: bool,
    /// Attempts of this queue's runners, where they published it again.
    retries: Option<u64>,
    /// Rejections by this queue's consumers.
    rejections: u64,
    /// Whose parent or link the publish span is.
    incoming: Incoming,
    publisher: Option<SpanContext>,
    processing: Processing,
    settings: Arc<Settings>,
}

impl Delivery {
    pub(crate) fn new(
        delivery: lapin::message::Delivery,
        queue: &Arc<str>,
        no_ack: bool,
        settings: &Arc<Settings>,
    ) -> Self {
        let lapin::message::Delivery {
            delivery_tag,
            mut exchange,
            mut routing_key,
            redelivered,
            mut properties,
            data,
            acker,
        } = delivery;
        let headers = properties.headers().as_ref();
        let count = headers.and_then(headers::delivery_count);
        let at_queue = exchange.as_str().is_empty() && routing_key.as_str() == &**queue;
        let retries = headers.filter(|_| at_queue);
        let retries = retries.and_then(|headers| headers::retries_in(headers, queue));
        let (incoming, publisher) = settings.incoming(headers);
        let inner = Inner {
            acker: acker.clone(),
            queue: Arc::clone(queue),
            no_ack,
            delivered: count.unwrap_or(u64::from(redelivered)),
            redelivered,
            counted: count.is_some(),
            retries,
            rejections: headers.map_or(0, |headers| headers::rejections_in(headers, queue)),
            incoming,
            publisher,
            processing: Processing::default(),
            settings: Arc::clone(settings),
        };
        if retries.is_some()
            && let Some(first) = republish::original(&properties, queue)
        {
            (exchange, routing_key, properties) = first;
        }
        Self {
            delivery_tag,
            exchange,
            routing_key,
            redelivered: redelivered || retries.is_some(),
            properties,
            data,
            acker,
            inner: Arc::new(inner),
        }
    }

    /// A message that no broker sent, for tests of handlers; as lapin's own.
    #[must_use]
    pub fn mock(
        delivery_tag: u64,
        exchange: ShortString,
        routing_key: ShortString,
        redelivered: bool,
        data: Vec<u8>,
    ) -> Self {
        let mock =
            lapin::message::Delivery::mock(delivery_tag, exchange, routing_key, redelivered, data);
        let queue = mock.routing_key.as_str().into();
        Self::new(mock, &queue, false, &Arc::new(Settings::from_env()))
    }

    pub(crate) fn original(&self) -> republish::Original<'_> {
        republish::Original {
            queue: self.queue(),
            exchange: &self.exchange,
            routing_key: &self.routing_key,
            properties: &self.properties,
        }
    }

    /// Its body: [`data`](Delivery::data), from which it can be moved.
    pub fn body(&self) -> &[u8] {
        &self.data
    }

    /// The queue it came from.
    pub fn queue(&self) -> &str {
        &self.inner.queue
    }

    /// How often it was handled before, as far as that is counted: by quorum queues, by rejections that brought it back
    /// to this queue, and by the runner's [`max_retries`](crate::RunOptions::max_retries). Other queues only tell
    /// whether.
    pub fn retry_count(&self) -> u64 {
        self.inner.retry_count()
    }

    /// The span in which it was published, if it names one and its publisher may be [known](crate::Channel::trust).
    pub fn publisher(&self) -> Option<&SpanContext> {
        self.inner.publisher.as_ref()
    }

    /// The context of the span in which it is handled, to run that in:
    /// `work(&delivery).in_context(delivery.context()).await`.
    ///
    /// Of a message from a [`Consumer`](crate::Consumer) as a stream that is the span which began when the stream gave
    /// it, and ends when it is settled. Otherwise the span begins with the first call.
    pub fn context(&self) -> Context {
        self.inner.processing.context(|| self.start())
    }

    /// Takes the span in which it is handled, to end it elsewhere than where the message is settled; the
    /// [runner](crate::Consumer::run) does so by itself.
    ///
    /// Child of the publish span and linked to it, or as the channel's [trust](crate::Channel::trust) has it. Each
    /// further call starts one more.
    pub fn process_span(&self) -> Span {
        self.inner.processing.take(|| self.start())
    }

    /// Acknowledges it. False if its channel is gone, it was settled before, or its consumer asked for no
    /// acknowledgements.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn ack(&self, options: BasicAckOptions) -> lapin::Result<bool> {
        let settling = self.acker.ack(options);
        self.inner.settled_by(Outcome::Ack, settling).await
    }

    /// Gives it up, or hands it back to its queue if it is to be requeued. False as for [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn nack(&self, options: BasicNackOptions) -> lapin::Result<bool> {
        let outcome = if options.requeue {
            Outcome::Requeue
        } else {
            Outcome::Reject
        };
        let settling = self.acker.nack(options);
        self.inner.settled_by(outcome, settling).await
    }

    /// The same for this message alone. False as for [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn reject(&self, options: BasicRejectOptions) -> lapin::Result<bool> {
        let outcome = if options.requeue {
            Outcome::Requeue
        } else {
            Outcome::Reject
        };
        let settling = self.acker.reject(options);
        self.inner.settled_by(outcome, settling).await
    }

    /// Settles it by a word of this crate. False as for [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        self.inner.settle(outcome).await
    }

    /// Begins the span now, to end when the message is settled or dropped.
    pub(crate) fn begin(&self) {
        self.inner.processing.begin(|| self.start());
    }

    fn start(&self) -> Span {
        let Inner {
            incoming, settings, ..
        } = &*self.inner;
        if settings.trust == Trust::Ignore {
            return Span::unrecorded(Incoming::default());
        }
        let subject = Subject {
            operation: Operation::Process,
            exchange: self.exchange.as_str(),
            key: self.routing_key.as_str(),
            queue: Some(self.queue()),
            links: incoming.parent.as_slice(),
        };
        let span = subject.start_root(Kind::Consumer, settings, incoming.clone());
        span.set_all(|| self.attributes());
        span
    }

    /// True if it was delivered before, as far as the broker or a runner tells.
    pub(crate) fn came_before(&self) -> bool {
        self.redelivered
    }

    /// Completes the span of the `basic.get` that brought it.
    pub(crate) fn describe_receive(&self, span: &Context) {
        if let Some(publisher) = self.publisher() {
            span.link(publisher);
        }
        let (exchange, key) = (self.exchange.as_str(), self.routing_key.as_str());
        let from = destination(exchange, key, Some(self.queue()));
        span.set_all(|| {
            [
                attr(semconv::MESSAGING_DESTINATION_NAME, &*from),
                attr("messaging.rabbitmq.destination.routing_key", key),
            ]
        });
        span.set_all(|| self.attributes());
    }

    /// What it holds of itself.
    fn attributes(&self) -> [Attr<'_>; 8] {
        let (properties, inner) = (&self.properties, &*self.inner);
        let retries = self.retry_count();
        [
            attr("messaging.rabbitmq.message.delivery_tag", self.delivery_tag),
            attr("messaging.message.id", message_id(properties)),
            attr(
                "messaging.message.conversation_id",
                conversation_id(properties),
            ),
            attr(
                "messaging.message.body.size",
                inner.settings.body_size(self.body()),
            ),
            attr(
                "hopline.messaging.redelivered",
                self.came_before().then_some(true),
            ),
            attr(
                "hopline.messaging.delivery_count",
                inner.counted.then(|| inner.delivered.saturating_add(1)),
            ),
            attr(
                "hopline.messaging.queue_time_ms",
                queue_time_ms(properties, SystemTime::now()),
            ),
            attr("retry_count", (retries > 0).then_some(retries)),
        ]
    }
}

impl Inner {
    pub(crate) fn retry_count(&self) -> u64 {
        self.attempts().saturating_add(self.rejections)
    }

    /// Attempts before this one since it last entered its queue.
    pub(crate) fn attempts(&self) -> u64 {
        self.retries.unwrap_or(0).saturating_add(self.delivered)
    }

    /// True if only the broker's flag distinguishes the first attempt from the second.
    pub(crate) fn is_first(&self) -> bool {
        !self.redelivered && self.retries.is_none()
    }

    pub(crate) async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        let acker = &self.acker;
        match outcome {
            Outcome::Ack => {
                let settling = acker.ack(BasicAckOptions::default());
                self.settled_by(outcome, settling).await
            }
            Outcome::Requeue => {
                let options = BasicNackOptions {
                    requeue: true,
                    multiple: false,
                };
                self.settled_by(outcome, acker.nack(options)).await
            }
            Outcome::Reject => {
                let options = BasicRejectOptions { requeue: false };
                self.settled_by(outcome, acker.reject(options)).await
            }
        }
    }

    /// Ends the span that ends by settling, if there is one.
    async fn settled_by(
        &self,
        outcome: Outcome,
        settling: impl Future<Output = lapin::Result<bool>>,
    ) -> lapin::Result<bool> {
        if self.no_ack {
            // settled when it was sent: doing it again would cost the channel
            self.processing.end(Ok(outcome.label()));
            return Ok(false);
        }
        let before = self.is_settled();
        let settled = settling.await;
        match &settled {
            Ok(false) if before => {}
            Ok(true) => self.processing.end(Ok(outcome.label())),
            Ok(false) => self.processing.end(Err(LOST.to_owned())),
            Err(error) => self.processing.end(Err(crate::error::error_type(error))),
        }
        settled
    }

    /// True if the broker waits for no answer: it got one, or wants none.
    pub(crate) fn is_settled(&self) -> bool {
        self.no_ack || (!self.acker.usable() && !self.acker.poisoned())
    }
}

impl Deref for Delivery {
    type Target = Acker;

    fn deref(&self) -> &Acker {
        &self.acker
    }
}

/// For functions that take lapin's: what they do with it is in no span.
impl From<Delivery> for lapin::message::Delivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery_tag: delivery.delivery_tag,
            exchange: delivery.exchange,
            routing_key: delivery.routing_key,
            redelivered: delivery.redelivered,
            properties: delivery.properties,
            data: delivery.data,
            acker: delivery.acker,
        }
    }
}

/// The same message of the same channel, as lapin compares them.
impl PartialEq for Delivery {
    fn eq(&self, other: &Self) -> bool {
        self.acker == other.acker
            && self.delivery_tag == other.delivery_tag
            && self.exchange == other.exchange
            && self.routing_key == other.routing_key
            && self.redelivered == other.redelivered
            && self.properties == other.properties
            && self.data == other.data
    }
}

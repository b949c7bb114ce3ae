//! Delivered messages.

use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use hopline_core::{Attr, Context, Span, SpanContext, SpanKind, Trust, attr, semconv};
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::ShortString;
use lapin::{Acker, BasicProperties};

use super::arrival::Arrival;
use super::outcome::Outcome;
use super::processing::Processing;
use crate::content::properties::{conversation_id, message_id, queue_time_ms};
use crate::content::{headers, republish};
use crate::span::{Destination, Measured, Operation, Settings, Subject, count_consumed};

/// A delivered message, with the context in which it was published.
///
/// Its public fields are those of [`lapin::message::Delivery`], and may be moved out. A copy that a
/// [runner](crate::RunOptions::max_retries) published has the exchange, the routing key and the properties of the first
/// publish, and is `redelivered`.
///
/// Its private fields keep it from being constructed and matched without `..`; [`Delivery::mock`] makes one for tests.
/// Cloning it copies the message. Clones share the process span, and the broker gets one answer for all of them.
///
/// # Examples
///
/// ```
/// use hopline_lapin::Delivery;
///
/// fn quantity(order: &Delivery) -> Option<u32> {
///     std::str::from_utf8(order.body()).ok()?.parse().ok()
/// }
///
/// let order = Delivery::mock(1, "".into(), "orders".into(), false, b"7".to_vec());
/// assert_eq!(quantity(&order), Some(7));
/// assert_eq!((order.queue(), order.retry_count()), ("orders", 0));
/// ```
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The tag that identifies it on its channel.
    pub delivery_tag: u64,
    /// The exchange of its publish; empty for the default exchange.
    pub exchange: ShortString,
    /// The routing key of its publish.
    pub routing_key: ShortString,
    /// True if it was delivered before, to any consumer.
    pub redelivered: bool,
    /// Its properties, with the headers.
    pub properties: BasicProperties,
    /// Its body.
    pub data: Vec<u8>,
    /// lapin's own acker, which does not end the process span. Prefer [`ack`](Delivery::ack) and the like.
    pub acker: Acker,
    pub(crate) arrival: Arc<Arrival>,
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
        let arrival = Arrival {
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
            && let Some(original) = republish::original(&properties, queue)
        {
            (exchange, routing_key, properties) = original;
        }
        Self {
            delivery_tag,
            exchange,
            routing_key,
            redelivered: redelivered || retries.is_some(),
            properties,
            data,
            acker,
            arrival: Arc::new(arrival),
        }
    }

    /// Makes a message for tests of handlers, as lapin's `mock`. Its queue is named like its routing key.
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

    /// Returns its body: the field [`data`](Delivery::data), from which it can be moved.
    pub fn body(&self) -> &[u8] {
        &self.data
    }

    /// Returns the queue that delivered it.
    pub fn queue(&self) -> &str {
        &self.arrival.queue
    }

    /// Returns the number of attempts to handle it before this one, as far as known.
    ///
    /// Counts deliveries by quorum queues, rejections that brought it back to this queue, and attempts of the runner's
    /// [`max_retries`](crate::RunOptions::max_retries). Other queues report redelivery only, which counts as 1.
    pub fn retry_count(&self) -> u64 {
        self.arrival.retry_count()
    }

    /// Returns the publish span, if the message names one and [`trust`](crate::Channel::trust) lets it be known.
    pub fn publisher(&self) -> Option<&SpanContext> {
        self.arrival.publisher.as_ref()
    }

    /// Returns the context of its process span, to run its handler in:
    /// `work(&delivery).in_context(delivery.context()).await`.
    ///
    /// The span of a message from a [`Consumer`](crate::Consumer) as a stream began when the stream yielded it;
    /// otherwise it begins with the first call. It ends when the message is settled or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::FutureExt;
    /// use hopline_lapin::Delivery;
    ///
    /// async fn ship(order: &Delivery) -> usize {
    ///     order.body().len()
    /// }
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let order = Delivery::mock(1, "".into(), "orders".into(), false, b"7".to_vec());
    /// assert_eq!(ship(&order).in_context(order.context()).await, 1);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn context(&self) -> Context {
        self.arrival.processing.context(|| self.start())
    }

    /// Takes its process span, which then ends where the caller drops it. The [runner](crate::Consumer::run) does this
    /// by itself.
    ///
    /// The span is a child of the publish span and linked to it, or as [`trust`](crate::Channel::trust) defines. Each
    /// further call starts another span.
    pub fn process_span(&self) -> Span {
        self.measured_span().span
    }

    /// Takes the process span with its measurement.
    pub(crate) fn measured_span(&self) -> Measured {
        self.arrival.processing.take(|| self.start())
    }

    /// Counts it as received by the application.
    pub(crate) fn count_consumed(&self) {
        count_consumed(&self.subject(), &self.arrival.settings);
    }

    /// Acknowledges it. Returns false if its channel is gone, it was settled before, or its consumer has `no_ack`.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn ack(&self, options: BasicAckOptions) -> lapin::Result<bool> {
        self.arrival.ack(&self.acker, options).await
    }

    /// Rejects it, or returns it to its queue if `requeue` is set. Returns false as [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn nack(&self, options: BasicNackOptions) -> lapin::Result<bool> {
        self.arrival.nack(&self.acker, options).await
    }

    /// As [`nack`](Delivery::nack), by `basic.reject`, which has no `multiple`.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn reject(&self, options: BasicRejectOptions) -> lapin::Result<bool> {
        self.arrival.reject(&self.acker, options).await
    }

    /// Settles it. Returns false as [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// Returns lapin's errors.
    pub async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        self.arrival.settle(outcome).await
    }

    pub(crate) fn original(&self) -> republish::Original<'_> {
        republish::Original {
            queue: self.queue(),
            exchange: &self.exchange,
            routing_key: &self.routing_key,
            properties: &self.properties,
        }
    }

    /// Begins the process span, which ends when the message is settled or dropped.
    pub(super) fn begin(&self) {
        self.arrival.processing.begin(|| self.start());
    }

    fn start(&self) -> Measured {
        let Arrival {
            incoming, settings, ..
        } = &*self.arrival;
        let subject = self.subject();
        if settings.trust == Trust::Ignore {
            return Measured::unrecorded(&subject, settings);
        }
        let measured =
            Measured::start_root(&subject, SpanKind::Consumer, settings, incoming.clone());
        measured.span.set_all(|| self.attributes());
        measured
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            operation: Operation::Process,
            exchange: self.exchange.as_str(),
            key: self.routing_key.as_str(),
            queue: Some(self.queue()),
            links: self.arrival.incoming.parent.as_slice(),
            content: Some((&self.properties, self.body())),
        }
    }

    /// Completes the span of the `basic.get` that fetched it.
    pub(super) fn describe_receive(&self, span: &Context) {
        if let Some(publisher) = self.publisher() {
            span.link(publisher);
        }
        let (exchange, key) = (self.exchange.as_str(), self.routing_key.as_str());
        let from = Destination::new(exchange, key, Some(self.queue()));
        let properties = &self.properties;
        span.set_all(|| {
            [
                attr(semconv::MESSAGING_DESTINATION_NAME, &*from),
                attr("messaging.rabbitmq.destination.routing_key", key),
                attr("messaging.message.id", message_id(properties)),
                attr(
                    "messaging.message.conversation_id",
                    conversation_id(properties),
                ),
                attr(
                    "messaging.message.body.size",
                    self.arrival.settings.body_size(self.body()),
                ),
            ]
        });
        span.set_all(|| self.attributes());
    }

    /// Attributes that only delivered messages have.
    fn attributes(&self) -> [Attr<'_>; 5] {
        let arrival = &*self.arrival;
        let retries = self.retry_count();
        [
            attr("messaging.rabbitmq.message.delivery_tag", self.delivery_tag),
            attr(
                "hopline.messaging.redelivered",
                self.redelivered.then_some(true),
            ),
            attr(
                "hopline.messaging.delivery_count",
                arrival.counted.then(|| arrival.delivered.saturating_add(1)),
            ),
            attr(
                "hopline.messaging.queue_time_ms",
                queue_time_ms(&self.properties, SystemTime::now()),
            ),
            attr("retry_count", (retries > 0).then_some(retries)),
        ]
    }
}

impl Deref for Delivery {
    type Target = Acker;

    fn deref(&self) -> &Acker {
        &self.acker
    }
}

/// Converts to lapin's, for functions that take it. Its process span ends.
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

/// Equal if content and channel are, as in lapin.
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

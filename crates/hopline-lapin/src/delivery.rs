//! Messages that arrived.

use std::sync::Arc;
use std::time::SystemTime;

use hopline_core::{Attr, Context, Incoming, Kind, Span, SpanContext, attr, semconv};
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};

use crate::carrier::TableExtractor;
use crate::destination::{Operation, destination};
use crate::headers;
use crate::outcome::Outcome;
use crate::properties::{conversation_id, message_id, queue_time_ms};
use crate::settings::Settings;
use crate::span::Subject;

/// A message that arrived, with the context in which it was published. Cloning it counts a reference.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    delivery: lapin::message::Delivery,
    /// Its consumer's.
    queue: Arc<str>,
    no_ack: bool,
    incoming: Incoming,
    settings: Arc<Settings>,
}

impl Delivery {
    pub(crate) fn new(
        delivery: lapin::message::Delivery,
        queue: &Arc<str>,
        no_ack: bool,
        settings: &Arc<Settings>,
    ) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let incoming = headers
            .map(|headers| Incoming::extract(&TableExtractor(headers)))
            .unwrap_or_default();
        Self(Arc::new(Inner {
            delivery,
            queue: Arc::clone(queue),
            no_ack,
            incoming,
            settings: Arc::clone(settings),
        }))
    }

    /// What it says.
    pub fn body(&self) -> &[u8] {
        &self.0.delivery.data
    }

    /// Its properties, headers among them.
    pub fn properties(&self) -> &BasicProperties {
        &self.0.delivery.properties
    }

    /// The exchange it was published to.
    pub fn exchange(&self) -> &str {
        self.0.delivery.exchange.as_str()
    }

    /// The key it was published with.
    pub fn routing_key(&self) -> &str {
        self.0.delivery.routing_key.as_str()
    }

    /// The queue it came from.
    pub fn queue(&self) -> &str {
        &self.0.queue
    }

    /// The tag by which its channel knows it.
    pub fn delivery_tag(&self) -> u64 {
        self.0.delivery.delivery_tag
    }

    /// True if the broker delivered it before, to whomever.
    pub fn redelivered(&self) -> bool {
        self.0.delivery.redelivered
    }

    /// How often it was delivered before, as far as that is counted: by quorum queues, by dead-lettering, and by
    /// the runner's [`max_retries`](crate::RunOptions::max_retries). Other queues only say whether.
    pub fn retry_count(&self) -> u64 {
        let headers = self.properties().headers().as_ref();
        let counted = headers.and_then(headers::delivery_count);
        let here = counted.unwrap_or(u64::from(self.redelivered()));
        let before = headers.map_or(0, headers::earlier_lives);
        before.saturating_add(here)
    }

    /// The span in which it was published, if it says.
    pub fn publisher(&self) -> Option<&SpanContext> {
        self.0.incoming.parent.as_ref()
    }

    /// Starts the span in which it is handled; the [runner](crate::Consumer::run) does so by itself.
    ///
    /// Child of the publish span and linked to it, or with [`link_only`](crate::Channel::link_only) only linked.
    pub fn process_span(&self) -> Span {
        let Inner {
            incoming, settings, ..
        } = &*self.0;
        let subject = Subject {
            operation: Operation::Process,
            exchange: self.exchange(),
            key: self.routing_key(),
            queue: Some(self.queue()),
            links: incoming.parent.as_slice(),
        };
        let headers = self.properties().headers().as_ref();
        let dead = headers.is_some_and(headers::are_of_a_dead_letter);
        let only_link = settings.link_only || (settings.link_dead_letters && dead);
        let came = Incoming {
            parent: incoming.parent.clone().filter(|_| !only_link),
            baggage: incoming.baggage.clone(),
            link: None,
        };
        let span = subject.start_root(Kind::Consumer, settings, came);
        span.set_all(|| self.attributes());
        span
    }

    /// Acknowledges it. False if its channel is gone, it was settled before, or its consumer asked for no
    /// acknowledgements.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn ack(&self) -> lapin::Result<bool> {
        self.settle(Outcome::Ack).await
    }

    /// Hands it back to its queue. False as for [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn requeue(&self) -> lapin::Result<bool> {
        self.settle(Outcome::Requeue).await
    }

    /// Drops or dead-letters it. False as for [`ack`](Delivery::ack).
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn reject(&self) -> lapin::Result<bool> {
        self.settle(Outcome::Reject).await
    }

    pub(crate) async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        if self.0.no_ack {
            // settled when it was sent: doing it again would cost the channel
            return Ok(false);
        }
        let delivery = &self.0.delivery;
        match outcome {
            Outcome::Ack => delivery.ack(BasicAckOptions::default()).await,
            Outcome::Requeue => {
                let options = BasicNackOptions {
                    requeue: true,
                    multiple: false,
                };
                delivery.nack(options).await
            }
            Outcome::Reject => delivery.reject(BasicRejectOptions { requeue: false }).await,
        }
    }

    /// True if it waits for nobody's word: settled by somebody, or on arrival.
    pub(crate) fn is_settled(&self) -> bool {
        let delivery = &self.0.delivery;
        self.0.no_ack || (!delivery.usable() && !delivery.poisoned())
    }

    /// True if somebody had it before, as far as the broker or the runner says.
    pub(crate) fn came_before(&self) -> bool {
        let headers = self.properties().headers().as_ref();
        self.redelivered() || headers.is_some_and(|headers| headers.contains_key(headers::RETRIES))
    }

    /// Completes the span of the `basic.get` that brought it.
    pub(crate) fn describe_receive(&self, span: &Context) {
        if let Some(publisher) = self.publisher() {
            span.link(publisher);
        }
        let from = destination(self.exchange(), self.routing_key(), Some(self.queue()));
        span.set_all(|| {
            [
                attr(semconv::MESSAGING_DESTINATION_NAME, &*from),
                attr(
                    "messaging.rabbitmq.destination.routing_key",
                    self.routing_key(),
                ),
            ]
        });
        span.set_all(|| self.attributes());
    }

    /// What it says of itself.
    fn attributes(&self) -> [Attr<'_>; 8] {
        let properties = self.properties();
        let headers = properties.headers().as_ref();
        let retries = self.retry_count();
        let deliveries = headers.and_then(headers::delivery_count);
        [
            attr(
                "messaging.rabbitmq.message.delivery_tag",
                self.delivery_tag(),
            ),
            attr("messaging.message.id", message_id(properties)),
            attr(
                "messaging.message.conversation_id",
                conversation_id(properties),
            ),
            attr(
                "messaging.message.body.size",
                self.0.settings.body_size(self.body()),
            ),
            attr(
                "hopline.messaging.redelivered",
                self.came_before().then_some(true),
            ),
            attr(
                "hopline.messaging.delivery_count",
                deliveries.map(|before| before.saturating_add(1)),
            ),
            attr(
                "hopline.messaging.queue_time_ms",
                queue_time_ms(properties, SystemTime::now()),
            ),
            attr("retry_count", (retries > 0).then_some(retries)),
        ]
    }
}

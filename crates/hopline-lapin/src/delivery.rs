//! Messages that arrived.

use std::sync::Arc;

use hopline_core::{Incoming, Kind, Literal, Name, Span, SpanBuilder, SpanContext, attr, semconv};
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::carrier::TableExtractor;
use crate::destination::{destination, span_name};
use crate::outcome::Outcome;
use crate::settings::Settings;

/// A message that arrived, with the context in which it was published. Cloning it counts a reference.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    delivery: lapin::message::Delivery,
    queue: ShortString,
    incoming: Incoming,
    settings: Arc<Settings>,
}

impl Delivery {
    pub(crate) fn new(
        delivery: lapin::message::Delivery,
        queue: &ShortString,
        settings: &Arc<Settings>,
    ) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let incoming = headers
            .map(|headers| Incoming::extract(&TableExtractor(headers)))
            .unwrap_or_default();
        Self(Arc::new(Inner {
            delivery,
            queue: queue.clone(),
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

    /// The tag by which its channel knows it.
    pub fn delivery_tag(&self) -> u64 {
        self.0.delivery.delivery_tag
    }

    /// True if it was delivered before, to whomever.
    pub fn redelivered(&self) -> bool {
        self.0.delivery.redelivered
    }

    /// How often it was delivered before, as far as the broker counts: quorum queues and dead letters exactly,
    /// others only whether.
    pub fn retry_count(&self) -> u64 {
        let counted = self.properties().headers().as_ref().map_or(0, counted);
        counted.max(u64::from(self.redelivered()))
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
            queue,
            incoming,
            settings,
            ..
        } = &*self.0;
        let from = destination(self.exchange(), self.routing_key(), Some(queue.as_str()));
        let name = span_name(settings.names, "process", &from);
        let links = incoming.parent.as_slice();
        let builder = SpanBuilder::new(Name::dynamic(&name))
            .kind(Kind::Consumer)
            .links(links)
            .destination(&from);
        let parent = incoming.parent.clone().filter(|_| !settings.link_only);
        let came = Incoming {
            parent,
            baggage: incoming.baggage.clone(),
        };
        let span = builder.start_root(settings.tracer.as_ref(), came, || {
            let retries = self.retry_count();
            [
                attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
                attr("messaging.operation.name", Literal("process")),
                attr("messaging.operation.type", Literal("process")),
                attr(semconv::MESSAGING_DESTINATION_NAME, &from),
                attr(
                    "messaging.rabbitmq.destination.routing_key",
                    self.routing_key(),
                ),
                attr(
                    "messaging.rabbitmq.message.delivery_tag",
                    self.delivery_tag(),
                ),
                attr(
                    "messaging.message.id",
                    self.properties()
                        .message_id()
                        .as_ref()
                        .map(ShortString::as_str),
                ),
                attr(
                    "messaging.message.conversation_id",
                    self.properties()
                        .correlation_id()
                        .as_ref()
                        .map(ShortString::as_str),
                ),
                attr(
                    "hopline.messaging.redelivered",
                    self.redelivered().then_some(true),
                ),
                attr("retry_count", (retries > 0).then_some(retries)),
            ]
        });
        if settings.older_names.messaging {
            let key = self.routing_key();
            span.set_all(|| {
                [
                    attr("messaging.operation", Literal("process")),
                    attr("messaging.rabbitmq.routing_key", key),
                ]
            });
        }
        span
    }

    /// Acknowledges it. False if its channel is gone or it was settled before.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn ack(&self) -> lapin::Result<bool> {
        self.0.delivery.ack(BasicAckOptions::default()).await
    }

    /// Hands it back to its queue. False if its channel is gone or it was settled before.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn requeue(&self) -> lapin::Result<bool> {
        self.0
            .delivery
            .nack(BasicNackOptions {
                requeue: true,
                multiple: false,
            })
            .await
    }

    /// Drops or dead-letters it. False if its channel is gone or it was settled before.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn reject(&self) -> lapin::Result<bool> {
        self.0
            .delivery
            .reject(BasicRejectOptions { requeue: false })
            .await
    }

    pub(crate) async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        match outcome {
            Outcome::Ack => self.ack().await,
            Outcome::Requeue => self.requeue().await,
            Outcome::Reject => self.reject().await,
        }
    }

    /// False if the connection that brought it is gone: then it will be delivered again.
    pub(crate) fn is_usable(&self) -> bool {
        self.0.delivery.usable()
    }

    pub(crate) fn receive_span(queue: &ShortString, settings: &Settings) -> Span {
        let queue = queue.as_str();
        let name = span_name(settings.names, "receive", queue);
        let builder = SpanBuilder::new(Name::dynamic(&name))
            .kind(Kind::Client)
            .destination(queue);
        builder.start(settings.tracer.as_ref(), || {
            [
                attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
                attr("messaging.operation.name", Literal("receive")),
                attr("messaging.operation.type", Literal("receive")),
                attr(semconv::MESSAGING_DESTINATION_NAME, queue),
            ]
        })
    }
}

/// What quorum queues and dead-letter queues have counted.
fn counted(headers: &FieldTable) -> u64 {
    let number = |value: Option<&AMQPValue>| match value {
        Some(AMQPValue::LongLongInt(number)) => u64::try_from(*number).unwrap_or(0),
        Some(AMQPValue::LongInt(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let headers = headers.inner();
    let deaths = match headers.get("x-death") {
        Some(AMQPValue::FieldArray(deaths)) => deaths
            .as_slice()
            .iter()
            .map(|death| match death {
                AMQPValue::FieldTable(death) => number(death.inner().get("count")),
                _ => 0,
            })
            .fold(0, u64::saturating_add),
        _ => 0,
    };
    deaths.saturating_add(number(headers.get("x-delivery-count")))
}

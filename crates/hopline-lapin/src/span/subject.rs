//! The start of each span, with the attributes that all have.

use hopline_core::{
    Attr, Incoming, InstrumentationScope, Literal, Name, Span, SpanBuilder, SpanContext, SpanKind,
    attr, semconv, semconv::SpanNames,
};
use lapin::BasicProperties;

use super::destination::{Destination, for_metrics, for_span_name, is_generated};
use super::operation::Operation;
use super::settings::Settings;
use crate::content::properties::{conversation_id, message_id};

static SCOPE: InstrumentationScope =
    InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// The operation and message that a span describes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) operation: Operation,
    /// Empty for the default exchange.
    pub(crate) exchange: &'a str,
    /// The routing key, up to 255 bytes by AMQP 0-9-1.
    pub(crate) key: &'a str,
    /// The consumer's queue; `None` for a publish.
    pub(crate) queue: Option<&'a str>,
    /// Contexts of the messages of a batch.
    pub(crate) links: &'a [SpanContext],
    /// Properties and body, if it is about one message.
    pub(crate) content: Option<(&'a BasicProperties, &'a [u8])>,
}

impl<'a> Subject<'a> {
    /// Returns the destination as metrics have it. That of a delivered message has no routing key: any publisher may choose
    /// one.
    pub(super) fn bounded_destination(&self) -> Option<Destination<'a>> {
        let key = if self.queue.is_some() { "" } else { self.key };
        for_metrics(self.exchange, key, self.queue)
    }

    /// Starts a span under the current one.
    pub(crate) fn start(&self, kind: SpanKind, settings: &Settings) -> Span {
        self.with(kind, settings, |builder, to| {
            if self.is_usual(settings) {
                builder.attributes(|| self.usual(to)).start()
            } else {
                builder.attributes(|| self.all(to, settings)).start()
            }
        })
    }

    /// Starts a local root: for delivered messages.
    pub(super) fn start_root(
        &self,
        kind: SpanKind,
        settings: &Settings,
        incoming: Incoming,
    ) -> Span {
        self.with(kind, settings, |builder, to| {
            let builder = builder.parent(incoming);
            if self.is_usual(settings) {
                builder.attributes(|| self.usual(to)).start()
            } else {
                builder.attributes(|| self.all(to, settings)).start()
            }
        })
    }

    /// Builds the span, and starts it by `start`, which gets the destination too. The attributes are closures, so a span
    /// that is not recorded computes none of them.
    #[inline]
    fn with(
        &self,
        kind: SpanKind,
        settings: &Settings,
        start: impl for<'s> FnOnce(SpanBuilder<'s>, &'s str) -> Span,
    ) -> Span {
        let to = Destination::new(self.exchange, self.key, self.queue);
        let to_name = match settings.names {
            SpanNames::Hopline => None,
            _ => Some(for_span_name(&to)),
        };
        let builder = match &to_name {
            None => SpanBuilder::new(self.operation.own_name()),
            Some(None) => SpanBuilder::new(self.operation.label()),
            Some(Some(name)) => {
                SpanBuilder::new(Name::dynamic(name)).prefix(self.operation.label())
            }
        };
        let builder = builder.kind(kind).scope(&SCOPE).links(self.links);
        let tracer = settings.tracer.as_ref();
        start(builder.destination(&to).tracer(tracer), &to)
    }

    /// True if the span has no attributes but the [usual](Self::usual) ones: a third of the list is built and read then.
    #[inline]
    fn is_usual(&self, settings: &Settings) -> bool {
        let described = self.content.is_some_and(|(properties, _)| {
            message_id(properties).is_some() || conversation_id(properties).is_some()
        });
        let more = settings.server.is_some()
            || settings.older_names.messaging
            || (settings.body_sizes && self.content.is_some());
        !described && !more && !self.is_generated()
    }

    /// True if the broker or this crate generated the queue's name.
    fn is_generated(&self) -> bool {
        is_generated(self.queue.unwrap_or(self.key))
    }

    #[inline]
    fn usual<'s>(&'s self, to: &'s str) -> [Attr<'s>; 5] {
        let operation = self.operation;
        [
            attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
            attr("messaging.operation.name", Literal(operation.label())),
            attr("messaging.operation.type", Literal(operation.kind())),
            attr(semconv::MESSAGING_DESTINATION_NAME, to),
            attr(
                "messaging.rabbitmq.destination.routing_key",
                (!self.key.is_empty()).then_some(self.key),
            ),
        ]
    }

    /// All in one list: attributes of a second call would be appended under a second lock.
    fn all<'s>(&'s self, to: &'s str, settings: &'s Settings) -> [Attr<'s>; 14] {
        let [system, name, kind, destination, routing_key] = self.usual(to);
        let generated = self.is_generated().then_some(true);
        let older = |value| Some(value).filter(|_| settings.older_names.messaging);
        let properties = self.content.map(|(properties, _)| properties);
        [
            system,
            name,
            kind,
            destination,
            attr("messaging.destination.anonymous", generated),
            attr("messaging.destination.temporary", generated),
            routing_key,
            attr(semconv::SERVER_ADDRESS, settings.server_address()),
            attr(semconv::SERVER_PORT, settings.server_port()),
            attr("messaging.operation", older(self.operation.label())),
            attr("messaging.rabbitmq.routing_key", older(self.key)),
            attr("messaging.message.id", properties.and_then(message_id)),
            attr(
                "messaging.message.conversation_id",
                properties.and_then(conversation_id),
            ),
            attr(
                "messaging.message.body.size",
                self.content.and_then(|(_, body)| settings.body_size(body)),
            ),
        ]
    }
}

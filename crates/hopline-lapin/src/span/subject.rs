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
        self.with(kind, settings, |builder, attrs| {
            builder.attributes(attrs).start()
        })
    }

    /// Starts a local root: for delivered messages.
    pub(super) fn start_root(
        &self,
        kind: SpanKind,
        settings: &Settings,
        incoming: Incoming,
    ) -> Span {
        self.with(kind, settings, |builder, attrs| {
            builder.parent(incoming).attributes(attrs).start()
        })
    }

    /// Builds the span, and starts it by `start`. The attributes are a closure, so a span that is not recorded
    /// computes none of them.
    #[inline]
    fn with(
        &self,
        kind: SpanKind,
        settings: &Settings,
        start: impl for<'s> FnOnce(SpanBuilder<'s>, &'s dyn Fn() -> [Attr<'s>; 14]) -> Span,
    ) -> Span {
        let Self {
            operation,
            exchange,
            key,
            queue,
            links,
            content,
        } = *self;
        let to = Destination::new(exchange, key, queue);
        let to_name = match settings.names {
            SpanNames::Hopline => None,
            _ => Some(for_span_name(&to)),
        };
        let builder = match &to_name {
            None => SpanBuilder::new(operation.own_name()),
            Some(None) => SpanBuilder::new(operation.label()),
            Some(Some(name)) => SpanBuilder::new(Name::dynamic(name)).prefix(operation.label()),
        };
        let to = &*to;
        // in one go: attributes of a second call would be appended under a second lock
        let attrs = || {
            let generated = is_generated(queue.unwrap_or(key)).then_some(true);
            let older = |value| Some(value).filter(|_| settings.older_names.messaging);
            let properties = content.map(|(properties, _)| properties);
            [
                attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
                attr("messaging.operation.name", Literal(operation.label())),
                attr("messaging.operation.type", Literal(operation.kind())),
                attr(semconv::MESSAGING_DESTINATION_NAME, to),
                attr("messaging.destination.anonymous", generated),
                attr("messaging.destination.temporary", generated),
                attr(
                    "messaging.rabbitmq.destination.routing_key",
                    (!key.is_empty()).then_some(key),
                ),
                attr(semconv::SERVER_ADDRESS, settings.server_address()),
                attr(semconv::SERVER_PORT, settings.server_port()),
                attr("messaging.operation", older(operation.label())),
                attr("messaging.rabbitmq.routing_key", older(key)),
                attr("messaging.message.id", properties.and_then(message_id)),
                attr(
                    "messaging.message.conversation_id",
                    properties.and_then(conversation_id),
                ),
                attr(
                    "messaging.message.body.size",
                    content.and_then(|(_, body)| settings.body_size(body)),
                ),
            ]
        };
        let builder = builder.kind(kind).scope(&SCOPE).links(links);
        start(
            builder.destination(to).tracer(settings.tracer.as_ref()),
            &attrs,
        )
    }
}

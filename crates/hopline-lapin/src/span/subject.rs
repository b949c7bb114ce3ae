//! What all spans of this crate say from their start.

use hopline_core::{
    Attr, Context, Incoming, Kind, Literal, Name, Scope, Span, SpanBuilder, SpanContext, SpanNames,
    attr, semconv,
};

use crate::span::settings::Settings;
use crate::span::destination::{Operation, destination, is_made_up, lasting};

static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// What a span is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) operation: Operation,
    pub(crate) exchange: &'a str,
    pub(crate) key: &'a str,
    pub(crate) queue: Option<&'a str>,
    pub(crate) links: &'a [SpanContext],
}

impl Subject<'_> {
    /// Starts it under what is current: for what the application does.
    pub(crate) fn start(&self, kind: Kind, settings: &Settings) -> Span {
        self.with(kind, settings, |builder, attrs| {
            builder
                .child_of(&Context::current())
                .tracer(settings.tracer.as_ref())
                .attributes(attrs)
                .start()
        })
    }

    /// Starts it as a local root: for what comes in.
    pub(crate) fn start_root(&self, kind: Kind, settings: &Settings, incoming: Incoming) -> Span {
        self.with(kind, settings, |builder, attrs| {
            builder
                .tracer(settings.tracer.as_ref())
                .parent(incoming)
                .attributes(attrs)
                .start()
        })
    }

    fn with(
        &self,
        kind: Kind,
        settings: &Settings,
        start: impl for<'s> FnOnce(SpanBuilder<'s>, &'s dyn Fn() -> [Attr<'s>; 11]) -> Span,
    ) -> Span {
        let Self {
            operation,
            exchange,
            key,
            queue,
            links,
        } = *self;
        let to = destination(exchange, key, queue);
        let lasting = match settings.names {
            SpanNames::Hopline => None,
            _ => Some(lasting(&to)),
        };
        let builder = match &lasting {
            None => SpanBuilder::new(operation.own_name()),
            Some(None) => SpanBuilder::new(operation.label()),
            Some(Some(name)) => SpanBuilder::new(Name::dynamic(name)).prefix(operation.label()),
        };
        let attrs = || {
            let made_up = is_made_up(queue.unwrap_or(key)).then_some(true);
            let older = |value| Some(value).filter(|_| settings.older_names.messaging);
            [
                attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
                attr("messaging.operation.name", Literal(operation.label())),
                attr("messaging.operation.type", Literal(operation.kind())),
                attr(semconv::MESSAGING_DESTINATION_NAME, &*to),
                attr("messaging.destination.anonymous", made_up),
                attr("messaging.destination.temporary", made_up),
                attr(
                    "messaging.rabbitmq.destination.routing_key",
                    (!key.is_empty()).then_some(key),
                ),
                attr(semconv::SERVER_ADDRESS, settings.server_address()),
                attr(semconv::SERVER_PORT, settings.server_port()),
                attr("messaging.operation", older(operation.label())),
                attr("messaging.rabbitmq.routing_key", older(key)),
            ]
        };
        let builder = builder.kind(kind).scope(&SCOPE).links(links);
        start(builder.destination(&to), &attrs)
    }
}

/// The span of something that the caller waits for: dropped before its end, it says so.
#[derive(Debug)]
pub(crate) struct InFlight(Option<Span>);

impl InFlight {
    pub(crate) fn new(span: Span) -> Self {
        Self(Some(span))
    }

    /// Failed by what went wrong, if something did, and at its end.
    pub(crate) fn ended<T, E>(
        self,
        result: Result<T, E>,
        error_type: impl FnOnce(&E) -> String,
    ) -> Result<T, E> {
        self.done_with(result.as_ref().err().map(error_type));
        result
    }

    /// At its end.
    pub(crate) fn done(self) {
        self.done_with(None);
    }

    /// At its end, and failed if there is an error's type.
    pub(crate) fn done_with(mut self, error_type: Option<String>) {
        if let (Some(span), Some(error_type)) = (self.0.take(), error_type) {
            span.fail(Name::dynamic(&error_type));
        }
    }

    pub(crate) fn context(&self) -> Context {
        self.0.as_ref().map(Span::context).unwrap_or_default()
    }
}

/// Nobody waits any more.
impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.cancel();
        }
    }
}

//! Settings of a channel that its publishes and deliveries share.

use hopline_core::{
    Incoming, SpanContext, Tracer, Trust,
    semconv::{OlderNames, SpanNames},
};
use lapin::types::FieldTable;

use crate::content::TableExtractor;
use crate::content::headers;

/// Settings of a channel; its methods document them.
///
/// Shared by an `Arc`, which each consumer and each delivery holds: a setting that changes later applies to the
/// channel's later operations only.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Instead of the current context's tracer, or the installed one.
    pub(crate) tracer: Option<Tracer>,
    /// Short names, or those of the conventions.
    pub(crate) names: SpanNames,
    /// Attributes under older names too.
    pub(crate) older_names: OlderNames,
    /// Use of the contexts of delivered messages.
    pub(crate) trust: Trust,
    /// Dead letters begin traces of their own.
    pub(crate) link_dead_letters: bool,
    /// Records `messaging.message.body.size`.
    pub(crate) body_sizes: bool,
    /// Sets the property `timestamp` of published messages.
    pub(crate) timestamps: bool,
    /// `server.address` and `server.port`.
    pub(crate) server: Option<(String, u16)>,
}

impl Settings {
    /// The defaults. Names follow the environment variables of `hopline_core::semconv`; the contexts of messages are
    /// continued, and everything else is off.
    pub(crate) fn from_env() -> Self {
        Self {
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            trust: Trust::Continue,
            link_dead_letters: false,
            body_sizes: false,
            timestamps: false,
            server: None,
        }
    }

    /// Reads the trusted part of a message's context, and its publish span where [`Trust`] lets it be known.
    ///
    /// A dead letter is published by the broker, possibly hours after its cause. With `link_dead_letters` its context
    /// becomes a link, so that the old trace does not grow.
    pub(crate) fn incoming(&self, headers: Option<&FieldTable>) -> (Incoming, Option<SpanContext>) {
        let Some(headers) = headers else {
            return Default::default();
        };
        let mut incoming = Incoming::extract_with(&TableExtractor(headers), self.trust);
        let publisher = incoming.parent.clone().or_else(|| incoming.link.clone());
        if self.link_dead_letters && headers::are_of_a_dead_letter(headers) {
            incoming.link = incoming.parent.take().or(incoming.link);
        }
        (incoming, publisher)
    }

    /// `server.address`, if the application set it.
    pub(crate) fn server_address(&self) -> Option<&str> {
        self.server.as_ref().map(|(address, _)| address.as_str())
    }

    pub(crate) fn server_port(&self) -> Option<u16> {
        self.server.as_ref().map(|(_, port)| *port)
    }

    /// `messaging.message.body.size` in bytes, if the application enabled it.
    pub(crate) fn body_size(&self, body: &[u8]) -> Option<usize> {
        self.body_sizes.then_some(body.len())
    }
}

//! Outgoing messages: the publish span, and the headers that carry its context.

use std::sync::Arc;
use std::time::SystemTime;

use hopline_core::propagation::BAGGAGE;
use hopline_core::{Extract, Incoming, Inject, Span, SpanContext, SpanKind};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::content::headers::{self, MAX_HEADERS};
use crate::content::{NewTable, TableExtractor, TableInjector};
use crate::error::PublishError;
use crate::span::{InFlight, Measured, Operation, Settings, Subject};

/// A message whose names have valid lengths.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) exchange: ShortString,
    pub(crate) key: ShortString,
    pub(crate) body: &'a [u8],
    pub(crate) options: BasicPublishOptions,
    pub(crate) properties: BasicProperties,
    pub(crate) carry: Carry,
}

/// The parts of a message that its span and its headers need. Borrowed, so that the future of a publish keeps none of them
/// besides lapin's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) exchange: &'a ShortString,
    pub(crate) key: &'a ShortString,
    pub(crate) body: &'a [u8],
    pub(crate) properties: &'a BasicProperties,
    pub(crate) carry: &'a Carry,
}

impl Message<'_> {
    /// Borrows what its span and its headers need.
    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            exchange: &self.exchange,
            key: &self.key,
            body: self.body,
            properties: &self.properties,
            carry: &self.carry,
        }
    }
}

/// The additions of this crate to a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Carry {
    /// The current context, unless the message has one; and a timestamp, if the channel sets it.
    New,
    /// The current context, and no timestamp. The span links to that of the first publish, if known.
    DeadLetter(Option<SpanContext>),
    /// None: a copy has the context of its original.
    Copy,
}

/// The properties that this crate adds to a message.
#[derive(Debug)]
pub(crate) struct Added {
    headers: Option<FieldTable>,
    timestamp: Option<u64>,
}

impl Added {
    /// Returns the properties to send. By value, since each copy of them costs as much as an attribute.
    pub(crate) fn to(self, mut properties: BasicProperties) -> BasicProperties {
        if let Some(timestamp) = self.timestamp {
            properties = properties.with_timestamp(timestamp);
        }
        match self.headers {
            Some(headers) => properties.with_headers(headers),
            None => properties,
        }
    }
}

/// Starts the publish span of a message.
pub(crate) fn start(
    settings: &Arc<Settings>,
    message: Outgoing<'_>,
) -> (InFlight, Result<Added, PublishError>) {
    let given = message.properties.headers().as_ref();
    let own = match (message.carry, given) {
        (Carry::DeadLetter(first), _) => first.clone(),
        (_, Some(headers)) => {
            let incoming = Incoming::extract(&TableExtractor(headers));
            incoming.without_baggage().parent
        }
        (_, None) => None,
    };
    let subject = Subject {
        operation: Operation::Publish,
        exchange: message.exchange.as_str(),
        key: message.key.as_str(),
        queue: None,
        links: own.as_slice(),
        content: Some((message.properties, message.body)),
    };
    let measured = Measured::start(&subject, SpanKind::Producer, settings);
    let span = &measured.span;
    let headers = match given {
        None if *message.carry != Carry::Copy => Ok(context_of(span)),
        None => Ok(None),
        Some(given) => headers_of(span, given, message.carry, own.is_some()).map(Some),
    };
    let unstamped = settings.timestamps
        && *message.carry == Carry::New
        && message.properties.timestamp().is_none();
    let timestamp = unstamped.then(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    });
    let added = headers.map(|headers| Added { headers, timestamp });
    (InFlight::new(measured), added)
}

/// Returns the headers of a message that has none of its own: its length needs no check.
fn context_of(span: &Span) -> Option<FieldTable> {
    let mut headers = FieldTable::default();
    span.context_ref().inject(&mut NewTable(&mut headers));
    (!headers.inner().is_empty()).then_some(headers)
}

/// Adds the context to the application's headers.
fn headers_of(
    span: &Span,
    given: &FieldTable,
    carry: &Carry,
    has_context: bool,
) -> Result<FieldTable, PublishError> {
    if *carry == Carry::New && headers::are_too_deep(given) {
        return Err(PublishError::HeadersTooDeep);
    }
    let mut headers = headers::without_short_strings(given.clone());
    match carry {
        // a dead letter that is published again has the context of its first publish, and starts another one
        Carry::New if !has_context || headers::are_of_a_dead_letter(&headers) => {
            let baggage = baggage_of(given).filter(|_| !has_context);
            span.context_ref().inject(&mut TableInjector(&mut headers));
            join_baggage(&mut headers, baggage);
        }
        Carry::DeadLetter(_) => span.context_ref().inject(&mut TableInjector(&mut headers)),
        Carry::New | Carry::Copy => {}
    }
    if headers::encoded_len(&headers) > MAX_HEADERS {
        return Err(PublishError::HeadersTooLarge);
    }
    Ok(headers)
}

/// Returns the application's own baggage header.
fn baggage_of(headers: &FieldTable) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    TableExtractor(headers).each_value(BAGGAGE, &mut |value| {
        let value = String::from_utf8_lossy(value);
        all.extend(Some(value.into_owned()).filter(|value| !value.is_empty()));
    });
    (!all.is_empty()).then(|| all.join(","))
}

/// Puts the application's baggage before that of the context, so that its member wins where both have one.
fn join_baggage(headers: &mut FieldTable, own: Option<String>) {
    let Some(mut own) = own else { return };
    if let Some(current) = baggage_of(headers).filter(|current| *current != own) {
        own.push(',');
        own.push_str(&current);
    }
    TableInjector(headers).remove(BAGGAGE);
    headers.insert(BAGGAGE.into(), AMQPValue::LongString(own.into()));
}

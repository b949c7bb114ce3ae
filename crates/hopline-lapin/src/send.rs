//! Messages on their way out: the span, the headers, the frames.

use std::time::SystemTime;

use hopline_core::{BAGGAGE, Incoming, Kind, Span, SpanContext, attr};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::channel::Channel;
use crate::confirms::Ticket;
use crate::content::headers::{self, MAX_HEADERS};
use crate::content::properties::{conversation_id, message_id};
use crate::content::{TableExtractor, TableInjector};
use crate::error::PublishError;
use crate::span::destination::Operation;
use crate::span::subject::Subject;

/// A message with all names checked.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) exchange: ShortString,
    pub(crate) key: ShortString,
    pub(crate) body: &'a [u8],
    pub(crate) options: BasicPublishOptions,
    pub(crate) properties: BasicProperties,
    pub(crate) carry: Carry,
}

/// The part of the publishing context that a message carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Carry {
    /// That context, unless it has one already; and the time, if the channel writes it.
    New,
    /// That context, and nothing that the channel adds; linked to where it was first published, if that is known.
    Letter(Option<SpanContext>),
    /// Nothing: it is the same message as before.
    Copy,
}

/// Starts the span of a message, and takes out the properties that it is sent with.
pub(crate) fn outgoing(
    channel: &Channel,
    message: &mut Message<'_>,
) -> (Span, Result<BasicProperties, PublishError>) {
    let Message {
        properties, carry, ..
    } = message;
    let settings = &*channel.settings;
    let given = properties.headers().as_ref();
    let own = given.map(|headers| Incoming::extract(&TableExtractor(headers)).without_baggage());
    let own = match carry {
        Carry::Letter(first) => first.clone(),
        _ => own.and_then(|own| own.parent),
    };
    let subject = Subject {
        operation: Operation::Publish,
        exchange: message.exchange.as_str(),
        key: message.key.as_str(),
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
            attr(
                "messaging.message.body.size",
                settings.body_size(message.body),
            ),
        ]
    });
    if *carry == Carry::New && given.is_some_and(headers::are_too_deep) {
        return (span, Err(PublishError::HeadersTooDeep));
    }
    let mut headers = headers::without_short_strings(given.cloned().unwrap_or_default());
    match carry {
        // a dead letter that is published again carries the context of its first life, and starts another one
        Carry::New if own.is_none() || headers::are_of_a_dead_letter(&headers) => {
            let baggage = baggage_of(&headers).filter(|_| own.is_none());
            span.context_ref().inject(&mut TableInjector(&mut headers));
            join_baggage(&mut headers, baggage);
        }
        Carry::Letter(_) => span.context_ref().inject(&mut TableInjector(&mut headers)),
        Carry::New | Carry::Copy => {}
    }
    if headers::encoded_len(&headers) > MAX_HEADERS {
        return (span, Err(PublishError::HeadersTooLarge));
    }
    let stamp = settings.timestamps && *carry == Carry::New;
    let has_headers = !headers.inner().is_empty() || given.is_some();
    let mut sent = std::mem::take(&mut message.properties);
    if has_headers {
        sent = sent.with_headers(headers);
    }
    if stamp && sent.timestamp().is_none() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        sent = sent.with_timestamp(now.unwrap_or_default().as_secs());
    }
    (span, Ok(sent))
}

/// The application's own baggage, as text.
fn baggage_of(headers: &FieldTable) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    hopline_core::Extract::each_value(&TableExtractor(headers), BAGGAGE, &mut |value| {
        let value = String::from_utf8_lossy(value);
        all.extend(Some(value.into_owned()).filter(|value| !value.is_empty()));
    });
    (!all.is_empty()).then(|| all.join(","))
}

/// Puts it before the context's: where both have a member, the application's comes first.
fn join_baggage(headers: &mut FieldTable, own: Option<String>) {
    let Some(mut own) = own else { return };
    if let Some(current) = baggage_of(headers).filter(|current| *current != own) {
        own.push(',');
        own.push_str(&current);
    }
    hopline_core::Inject::remove(&mut TableInjector(headers), BAGGAGE);
    headers.insert(BAGGAGE.into(), AMQPValue::LongString(own.into()));
}

/// A message whose frames are written.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The channel has no confirms: nothing more is to come.
    Unconfirmed,
    Confirming(Ticket),
}

impl Sent {
    /// Writes the frames.
    pub(crate) async fn start(
        channel: &Channel,
        message: &Message<'_>,
        properties: BasicProperties,
    ) -> lapin::Result<Self> {
        let (exchange, key) = (message.exchange.clone(), message.key.clone());
        let (options, body) = (message.options, message.body);
        if channel.inner.status().confirm() {
            let ticket = channel
                .confirms
                .send(exchange, key, options, body, properties);
            ticket.written().await?;
            return Ok(Self::Confirming(ticket));
        }
        let sent = channel
            .inner
            .basic_publish(exchange, key, options, body, properties);
        sent.await?;
        Ok(Self::Unconfirmed)
    }
}

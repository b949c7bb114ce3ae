//! Queues, and the arguments that limit them: time to live, length, overflow, dead letters, quorum.
//! `declare` makes them; `publish` and `deliver` move messages in and out under the lock of the state.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amq_protocol::types::{AMQPValue, FieldTable, ShortString};

use super::channel::ChannelId;
use super::message::{Message, argument};

/// Messages that wait, and the consumers that wait for them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Oldest first. Deliveries without an ack are in their channel.
    pub(super) ready: VecDeque<Message>,
    /// In turn: the first is the next to get a message.
    pub(super) consumers: VecDeque<Consumer>,
    /// Properties of the declaration.
    pub(super) declared: Declared,
    /// Limits, read once from the arguments.
    rules: Rules,
    /// An auto-delete queue is deleted with its last consumer, so not before it had one.
    pub(super) had_consumer: bool,
}

/// The properties that a second declaration must repeat.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Declared {
    /// Compared only: nothing is stored on disk.
    pub(super) durable: bool,
    /// Deleted with its last consumer.
    pub(super) auto_delete: bool,
    /// The connection of an exclusive queue, which is deleted with it.
    pub(super) owner: Option<u64>,
    /// Compared as a whole, known or not.
    pub(super) arguments: FieldTable,
}

/// A client's subscription to a queue.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) channel: ChannelId,
    /// Name in its channel.
    pub(super) tag: ShortString,
    /// A delivery is settled when it is sent.
    pub(super) no_ack: bool,
    /// No other consumer is permitted.
    pub(super) exclusive: bool,
}

/// The arguments that this broker knows.
#[derive(Debug, Default)]
struct Rules {
    /// Time to live of each message.
    ttl: Option<Duration>,
    /// Most messages.
    max_length: Option<usize>,
    /// Most bytes of bodies.
    max_bytes: Option<usize>,
    /// Treatment of a message beyond either limit.
    overflow: Overflow,
    dead_letter_exchange: Option<String>,
    dead_letter_key: Option<String>,
    /// A quorum queue counts deliveries. It has one replica here.
    quorum: bool,
    /// Returns after which a message is dead-lettered.
    delivery_limit: Option<u64>,
}

/// `x-overflow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Overflow {
    /// The oldest message is dropped for the new one.
    #[default]
    DropHead,
    /// The new message is refused, with a nack.
    RejectPublish,
    /// The new message is refused and dead-lettered.
    RejectPublishDlx,
}

/// The answer of a queue to one more message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It is taken.
    Enough,
    /// It is refused, with a nack.
    Refused,
    /// Refused, and to be dead-lettered.
    DeadLettered,
}

impl Queue {
    /// Creates a queue. An argument that RabbitMQ refuses is an error that names it.
    ///
    /// # Errors
    ///
    /// Returns the text of the refusal.
    pub(super) fn new(declared: Declared) -> Result<Self, String> {
        let rules = Rules::read(&declared.arguments)?;
        if rules.quorum && (!declared.durable || declared.auto_delete || declared.owner.is_some()) {
            return Err(
                "invalid property for quorum queue: not durable, exclusive or auto-delete"
                    .to_owned(),
            );
        }
        Ok(Self {
            declared,
            rules,
            ..Self::default()
        })
    }

    /// Returns true if the queue is exclusive to another connection.
    pub(super) fn is_locked_for(&self, connection: u64) -> bool {
        self.declared.owner.is_some_and(|owner| owner != connection)
    }

    /// Returns true if deliveries have `x-delivery-count`.
    pub(super) fn counts_deliveries(&self) -> bool {
        self.rules.quorum
    }

    /// Returns true if a message with this number of returns exceeds the delivery limit.
    pub(super) fn is_over_limit(&self, returns: u64) -> bool {
        self.rules
            .delivery_limit
            .is_some_and(|limit| returns > limit)
    }

    /// Returns the exchange of its dead letters, and their routing key if it differs.
    ///
    /// Without the argument a dead letter is dropped.
    pub(super) fn dead_letters(&self) -> Option<(String, Option<String>)> {
        let exchange = self.rules.dead_letter_exchange.clone()?;
        Some((exchange, self.rules.dead_letter_key.clone()))
    }

    /// Returns the expiry of a message that arrives now: by the shorter of the queue's time and its own.
    pub(super) fn expiry(&self, own: Option<Duration>, now: Instant) -> Option<Instant> {
        let shorter = match (self.rules.ttl, own) {
            (Some(ttl), Some(own)) => Some(ttl.min(own)),
            (ttl, own) => ttl.or(own),
        };
        now.checked_add(shorter?)
    }

    /// Decides about one more message. A queue that drops its head takes each.
    pub(super) fn room_for(&self, message: &Message) -> Room {
        let fits = !self.is_over(self.ready.len() + 1, self.bytes() + message.body.len());
        match self.rules.overflow {
            Overflow::RejectPublish if !fits => Room::Refused,
            Overflow::RejectPublishDlx if !fits => Room::DeadLettered,
            _ => Room::Enough,
        }
    }

    /// Takes the oldest message if the queue exceeds its limits.
    ///
    /// Called until it returns none, since one large message may exceed the bytes of several small ones.
    pub(super) fn take_overflow(&mut self) -> Option<Message> {
        let over = self.is_over(self.ready.len(), self.bytes());
        if over { self.ready.pop_front() } else { None }
    }

    /// Takes the first message if it has expired; checks only the first, as RabbitMQ.
    ///
    /// A message behind it with a shorter time waits for it.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Message> {
        let first = self.ready.front()?;
        let over = first.expires.is_some_and(|at| at <= now);
        if over { self.ready.pop_front() } else { None }
    }

    /// Returns true if this content exceeds a limit.
    fn is_over(&self, count: usize, bytes: usize) -> bool {
        let Rules {
            max_length,
            max_bytes,
            ..
        } = self.rules;
        max_length.is_some_and(|max| count > max) || max_bytes.is_some_and(|max| bytes > max)
    }

    /// Bytes of the bodies; 0 without a limit of bytes, which saves the addition.
    fn bytes(&self) -> usize {
        if self.rules.max_bytes.is_none() {
            return 0;
        }
        self.ready.iter().map(|message| message.body.len()).sum()
    }
}

impl Rules {
    /// Reads the arguments. Unknown ones are ignored, as by RabbitMQ.
    ///
    /// # Errors
    ///
    /// Names the argument whose value is not valid.
    ///
    /// `x-max-length` beyond `usize` is no limit.
    fn read(arguments: &FieldTable) -> Result<Self, String> {
        let number = |name: &str| match arguments.inner().get(name) {
            None => Ok(None),
            Some(value) => whole(value)
                .map(Some)
                .ok_or_else(|| format!("invalid arg '{name}'")),
        };
        let size = |name: &str| {
            number(name).map(|number| number.and_then(|number| usize::try_from(number).ok()))
        };
        let overflow = match argument(arguments, "x-overflow").as_deref() {
            None | Some("drop-head") => Overflow::DropHead,
            Some("reject-publish") => Overflow::RejectPublish,
            Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
            Some(_) => return Err("invalid arg 'x-overflow'".to_owned()),
        };
        let quorum = match argument(arguments, "x-queue-type").as_deref() {
            None | Some("classic") => false,
            Some("quorum") => true,
            Some(_) => return Err("invalid arg 'x-queue-type'".to_owned()),
        };
        Ok(Self {
            ttl: number("x-message-ttl")?.map(Duration::from_millis),
            max_length: size("x-max-length")?,
            max_bytes: size("x-max-length-bytes")?,
            overflow,
            dead_letter_exchange: argument(arguments, "x-dead-letter-exchange"),
            dead_letter_key: argument(arguments, "x-dead-letter-routing-key"),
            quorum,
            delivery_limit: number("x-delivery-limit")?,
        })
    }
}

/// Returns a number of any integer type that is not negative: clients choose the type.
///
/// A negative number is `None`, which makes the declaration fail as RabbitMQ's.
fn whole(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        AMQPValue::ShortUInt(number) => Some((*number).into()),
        AMQPValue::ShortShortUInt(number) => Some((*number).into()),
        _ => None,
    }
}

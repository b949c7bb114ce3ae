//! Publishing: checks a complete message, routes it to queues or a replying consumer, and dead-letters what a queue drops.
//! `methods` calls it for a client's publish, `deliver` and the broker's clock for dead letters.

use std::time::Instant;

use amq_protocol::protocol::basic;

use super::channel::{Arriving, ChannelId};
use super::message::{Death, Message};
use super::queue::Room;
use super::state::{State, shortened};

/// Most messages in all queues together, without delivered ones.
///
/// Beyond it a publish is refused with a nack, so that a test that never consumes cannot fill the memory.
const MAX_MESSAGES: usize = 100_000;

/// The pseudo-queue of direct replies.
pub(super) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// The result of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routed {
    /// Each queue took it, or dropped another one for it.
    Queued,
    /// Delivered through no queue, which counts as unroutable for mandatory messages.
    PastQueues,
    /// No binding matches.
    Nowhere,
    /// A queue or the broker refused it: the publisher gets a nack.
    Full,
}

impl State {
    /// Handles a complete publish.
    ///
    /// The order is RabbitMQ's: checks that close the channel, the route, the return of an unroutable mandatory message, and the
    /// confirm last.
    pub(super) fn publish(&mut self, at: ChannelId, arriving: Arriving) {
        let Arriving {
            publish,
            header,
            body,
        } = arriving;
        let exchange = publish.exchange.as_str();
        if !exchange.is_empty() && !self.exchanges.contains_key(exchange) {
            let text = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
            return self.fail::<basic::Publish>(at, 404, text);
        }
        let properties = header.map(|header| header.properties).unwrap_or_default();
        let (exchange, key) = (publish.exchange.clone(), publish.routing_key.clone());
        let mut message = Message {
            exchange,
            key,
            properties,
            body,
            more_keys: Vec::new(),
            redelivered: false,
            returns: 0,
            expires: None,
        };
        if let Err(text) = message.time_to_live() {
            return self.fail::<basic::Publish>(at, 406, format!("PRECONDITION_FAILED - {text}"));
        }
        if let Some(text) = self.stranger(at, &message) {
            return self.fail::<basic::Publish>(at, 406, text);
        }
        let asks = message.properties.reply_to().as_ref();
        if asks.is_some_and(|to| to.as_str() == REPLY_TO) {
            if self
                .channels
                .get(&at)
                .is_none_or(|channel| channel.replies.is_none())
            {
                let text = "PRECONDITION_FAILED - fast reply consumer does not exist".to_owned();
                return self.fail::<basic::Publish>(at, 406, text);
            }
            let to = format!("{REPLY_TO}.{}.{}", at.connection, at.number);
            message.properties = message.properties.with_reply_to(to.into());
        }
        message.find_keys();
        let returned = publish.mandatory.then(|| message.clone());
        let routed = self.route(message, false);
        let Some(channel) = self.channels.get_mut(&at) else {
            return;
        };
        if let Some(message) =
            returned.filter(|_| matches!(routed, Routed::Nowhere | Routed::PastQueues))
        {
            let why = basic::Return {
                reply_code: 312,
                reply_text: "NO_ROUTE".into(),
                exchange: publish.exchange,
                routing_key: publish.routing_key,
            };
            channel.send(basic::AMQPMethod::Return(why), &message, false);
        }
        channel.confirm(routed != Routed::Full);
    }

    /// Returns an error text if the `user-id` of a message is not its publisher's.
    fn stranger(&self, at: ChannelId, message: &Message) -> Option<String> {
        let named = message.properties.user_id().as_ref()?.as_str();
        let login = self.logins.get(&at.connection).map_or("", String::as_str);
        (named != login).then(|| {
            format!("PRECONDITION_FAILED - user_id property set to '{named}' but authenticated user was '{login}'")
        })
    }

    /// Publishes a dead letter, if its queue has an exchange for them.
    pub(super) fn dead_letter(&mut self, name: &str, mut message: Message, death: Death) {
        let letters = self.queues.get(name).and_then(|queue| queue.dead_letters());
        let Some((exchange, key)) = letters else {
            return;
        };
        message.died_in(name, death);
        message.exchange = shortened(exchange);
        if let Some(key) = key {
            message.key = shortened(key);
            message.forget_keys();
        }
        // dropped if unroutable, in a cycle or if the broker is full, as by RabbitMQ
        self.route(message, true);
    }

    /// Gives up what is over its time; gives when the next one is.
    ///
    /// The broker's clock calls it. Only the first message of each queue is checked, as RabbitMQ does for classic queues.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        for name in names {
            self.expire_in(&name, now);
        }
        let heads = self.queues.values().filter_map(|queue| queue.ready.front());
        heads.filter_map(|message| message.expires).min()
    }

    /// Dead-letters the expired messages at the front of one queue.
    pub(super) fn expire_in(&mut self, name: &str, now: Instant) {
        while let Some(message) = self
            .queues
            .get_mut(name)
            .and_then(|queue| queue.take_expired(now))
        {
            self.dead_letter(name, message, Death::Expired);
        }
    }

    /// Puts copies into all queues that the exchange gives. `dead` marks a dead letter, which may not enter a cycle.
    ///
    /// The empty exchange routes by the name of the queue. A queue gets one copy, though several bindings match.
    fn route(&mut self, message: Message, dead: bool) -> Routed {
        let (exchange, key) = (message.exchange.as_str(), message.key.as_str());
        if exchange.is_empty() && key.starts_with(REPLY_TO) {
            return self.reply(message);
        }
        let mut targets: Vec<String> = match self.exchanges.get(exchange) {
            Some(kind) => {
                let bound = self.bindings.iter().filter(|to| {
                    let takes = |key: &str| kind.matches(&to.key, key);
                    to.exchange == exchange && message.keys().any(takes)
                });
                bound.map(|binding| binding.queue.clone()).collect()
            }
            None if exchange.is_empty() => message.keys().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        targets.sort();
        targets.dedup();
        targets.retain(|target| self.queues.contains_key(target));
        targets.retain(|target| !dead || !message.is_in_cycle(target));
        if targets.is_empty() {
            return Routed::Nowhere;
        }
        let held: usize = self.queues.values().map(|queue| queue.ready.len()).sum();
        if held + targets.len() > MAX_MESSAGES {
            return Routed::Full;
        }
        let mut routed = Routed::Queued;
        for target in targets {
            if !self.enqueue(&target, message.clone()) {
                routed = Routed::Full;
            }
        }
        routed
    }

    /// False if the queue is full and takes nothing.
    ///
    /// Appends the message, delivers what it can, and then drops from the front what is beyond the queue's limits.
    fn enqueue(&mut self, name: &str, mut message: Message) -> bool {
        let now = Instant::now();
        let Some(queue) = self.queues.get_mut(name) else {
            return true;
        };
        match queue.room_for(&message) {
            Room::Enough => {}
            Room::Refused => return false,
            Room::DeadLettered => {
                self.dead_letter(name, message, Death::TooMany);
                return false;
            }
        }
        // what is not a number was refused when it was published
        message.expires = queue.expiry(message.time_to_live().unwrap_or_default(), now);
        self.timed |= message.expires.is_some();
        queue.ready.push_back(message);
        self.dispatch(name);
        while let Some(oldest) = self
            .queues
            .get_mut(name)
            .and_then(|queue| queue.take_overflow())
        {
            self.dead_letter(name, oldest, Death::TooMany);
        }
        self.expire_in(name, now);
        true
    }

    /// Delivers a direct reply to the requesting channel, past all queues.
    ///
    /// The key of a reply is `amq.rabbitmq.reply-to.CONNECTION.CHANNEL`, made when the request was published. Without that channel
    /// the reply is dropped, as its requester is gone.
    fn reply(&mut self, message: Message) -> Routed {
        let mut numbers = message.key.as_str().rsplit('.').map(str::parse::<u64>);
        let (Some(Ok(number)), Some(Ok(connection))) = (numbers.next(), numbers.next()) else {
            return Routed::Nowhere;
        };
        let Ok(number) = u16::try_from(number) else {
            return Routed::Nowhere;
        };
        let Some(channel) = self.channels.get_mut(&ChannelId { connection, number }) else {
            return Routed::Nowhere;
        };
        let Some(consumer_tag) = channel.replies.clone() else {
            return Routed::Nowhere;
        };
        let deliver = basic::Deliver {
            consumer_tag,
            delivery_tag: channel.next_tag(),
            redelivered: false,
            exchange: message.exchange.clone(),
            routing_key: message.key.clone(),
        };
        channel.send(basic::AMQPMethod::Deliver(deliver), &message, false);
        Routed::PastQueues
    }
}

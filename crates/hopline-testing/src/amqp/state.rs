//! What the broker knows: exchanges, bindings, queues, channels.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::Sender;

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, channel};
use amq_protocol::types::ShortString;

use super::channel::{Arriving, Channel, ChannelId};
use super::message::{Message, argument};
use super::queue::Queue;
use super::routing::ExchangeKind;

/// In all queues together, delivered ones not counted.
const MAX_MESSAGES: usize = 100_000;

#[derive(Debug)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) exchanges: HashMap<String, ExchangeKind>,
    pub(super) bindings: Vec<Binding>,
    pub(super) channels: HashMap<ChannelId, Channel>,
    names: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) exchange: String,
    pub(super) queue: String,
    pub(super) key: String,
}

/// What became of a message that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routed {
    Queued,
    Nowhere,
    Full,
}

impl Default for State {
    fn default() -> Self {
        let own = [
            ("amq.direct", ExchangeKind::Direct),
            ("amq.topic", ExchangeKind::Topic),
            ("amq.fanout", ExchangeKind::Fanout),
        ];
        Self {
            queues: BTreeMap::new(),
            exchanges: own.map(|(name, kind)| (name.to_owned(), kind)).into(),
            bindings: Vec::new(),
            channels: HashMap::new(),
            names: 0,
        }
    }
}

impl State {
    /// A name that no client has chosen.
    pub(super) fn new_name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}-{}", self.names)
    }

    pub(super) fn open(&mut self, at: ChannelId, out: Sender<AMQPFrame>) {
        self.channels.insert(at, Channel::new(at.number, out));
    }

    /// A channel is gone: what it has not settled goes back to where it came from.
    pub(super) fn close(&mut self, at: ChannelId) {
        let Some(channel) = self.channels.remove(&at) else {
            return;
        };
        for queue in self.queues.values_mut() {
            queue.consumers.retain(|consumer| consumer.channel != at);
        }
        for (_, (queue, message)) in channel.unacked.into_iter().rev() {
            self.put_back(&queue, message);
        }
        self.dispatch_all();
    }

    /// A connection is gone, and its channels with it.
    pub(super) fn close_all(&mut self, connection: u64) {
        let own: Vec<ChannelId> = self
            .channels
            .keys()
            .filter(|at| at.connection == connection)
            .copied()
            .collect();
        for at in own {
            self.close(at);
        }
    }

    /// Closes a channel for what its client did.
    pub(super) fn fail(
        &mut self,
        at: ChannelId,
        code: u16,
        text: String,
        class_id: u16,
        method_id: u16,
    ) {
        if let Some(channel) = self.channels.get(&at) {
            let close = channel::Close {
                reply_code: code,
                reply_text: shortened(text),
                class_id,
                method_id,
            };
            channel.say(AMQPClass::Channel(channel::AMQPMethod::Close(close)));
        }
        self.close(at);
    }

    /// A publish is complete.
    pub(super) fn publish(&mut self, at: ChannelId, arriving: Arriving) {
        let Arriving {
            publish,
            header,
            body,
        } = arriving;
        let exchange = publish.exchange.as_str();
        if !exchange.is_empty() && !self.exchanges.contains_key(exchange) {
            let text = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
            return self.fail(at, 404, text, 60, 40);
        }
        let properties = header.map(|header| header.properties).unwrap_or_default();
        let (exchange, key) = (publish.exchange.clone(), publish.routing_key.clone());
        let message = Message {
            exchange,
            key,
            properties,
            body,
            redelivered: false,
        };
        let returned = publish.mandatory.then(|| message.clone());
        let routed = self.route(message);
        let Some(channel) = self.channels.get_mut(&at) else {
            return;
        };
        if let Some(message) = returned.filter(|_| routed == Routed::Nowhere) {
            let (exchange, routing_key) = (publish.exchange, publish.routing_key);
            let why = basic::Return {
                reply_code: 312,
                reply_text: "NO_ROUTE".into(),
                exchange,
                routing_key,
            };
            channel.send(basic::AMQPMethod::Return(why), &message);
        }
        if let Some(count) = &mut channel.confirmed {
            *count += 1;
            let delivery_tag = *count;
            channel.basic(match routed {
                Routed::Full => basic::AMQPMethod::Nack(basic::Nack {
                    delivery_tag,
                    multiple: false,
                    requeue: false,
                }),
                Routed::Queued | Routed::Nowhere => basic::AMQPMethod::Ack(basic::Ack {
                    delivery_tag,
                    multiple: false,
                }),
            });
        }
    }

    /// Settles one delivery, or all up to it: acknowledged, or put back or away.
    pub(super) fn settle(
        &mut self,
        at: ChannelId,
        tag: u64,
        multiple: bool,
        requeue: Option<bool>,
    ) {
        let Some(channel) = self.channels.get_mut(&at) else {
            return;
        };
        let settled = |candidate: &u64| {
            if multiple {
                tag == 0 || *candidate <= tag
            } else {
                *candidate == tag
            }
        };
        let tags: Vec<u64> = channel.unacked.keys().copied().filter(settled).collect();
        if tags.is_empty() && !multiple {
            return self.fail(
                at,
                406,
                format!("PRECONDITION_FAILED - unknown delivery tag {tag}"),
                60,
                80,
            );
        }
        let messages: Vec<_> = tags
            .iter()
            .rev()
            .filter_map(|tag| channel.unacked.remove(tag))
            .collect();
        for (queue, message) in messages {
            match requeue {
                None => {}
                Some(true) => self.put_back(&queue, message),
                Some(false) => self.dead_letter(&queue, message),
            }
        }
        self.dispatch_all();
    }

    /// The next message of a queue, for `basic.get`, and how many are left.
    pub(super) fn take(&mut self, queue: &str) -> Option<(Message, u32)> {
        let queue = self.queues.get_mut(queue)?;
        let message = queue.ready.pop_front()?;
        Some((message, queue.ready.len() as u32))
    }

    /// Gives a queue's messages to its consumers in turn, as far as they have room.
    pub(super) fn dispatch(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        let mut refused = 0;
        while refused < queue.consumers.len() && !queue.ready.is_empty() {
            let Some(consumer) = queue.consumers.pop_front() else {
                return;
            };
            let Some(channel) = self.channels.get_mut(&consumer.channel) else {
                continue;
            };
            if !consumer.no_ack && !channel.has_room() {
                refused += 1;
                queue.consumers.push_back(consumer);
                continue;
            }
            refused = 0;
            let Some(message) = queue.ready.pop_front() else {
                return;
            };
            let deliver = basic::Deliver {
                consumer_tag: consumer.tag.clone(),
                delivery_tag: channel.next_tag(),
                redelivered: message.redelivered,
                exchange: message.exchange.clone(),
                routing_key: message.key.clone(),
            };
            let tag = deliver.delivery_tag;
            channel.send(basic::AMQPMethod::Deliver(deliver), &message);
            if !consumer.no_ack {
                channel.unacked.insert(tag, (name.to_owned(), message));
            }
            queue.consumers.push_back(consumer);
        }
    }

    fn dispatch_all(&mut self) {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        for name in names {
            self.dispatch(&name);
        }
    }

    fn route(&mut self, message: Message) -> Routed {
        let (exchange, key) = (message.exchange.as_str(), message.key.as_str());
        let mut targets: Vec<String> = match self.exchanges.get(exchange) {
            Some(kind) => {
                let bound = self
                    .bindings
                    .iter()
                    .filter(|to| to.exchange == exchange && kind.matches(&to.key, key));
                bound.map(|binding| binding.queue.clone()).collect()
            }
            None if exchange.is_empty() => vec![key.to_owned()],
            None => Vec::new(),
        };
        targets.sort();
        targets.dedup();
        targets.retain(|target| self.queues.contains_key(target));
        if targets.is_empty() {
            return Routed::Nowhere;
        }
        if self
            .queues
            .values()
            .map(|queue| queue.ready.len())
            .sum::<usize>()
            + targets.len()
            > MAX_MESSAGES
        {
            return Routed::Full;
        }
        for target in targets {
            if let Some(queue) = self.queues.get_mut(&target) {
                queue.ready.push_back(message.clone());
            }
            self.dispatch(&target);
        }
        Routed::Queued
    }

    fn put_back(&mut self, queue: &str, message: Message) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.ready.push_front(Message {
                redelivered: true,
                ..message
            });
        }
    }

    fn dead_letter(&mut self, name: &str, mut message: Message) {
        let Some(queue) = self.queues.get(name) else {
            return;
        };
        let Some(exchange) = argument(&queue.arguments, "x-dead-letter-exchange") else {
            return;
        };
        let key = argument(&queue.arguments, "x-dead-letter-routing-key");
        message.died_in(name);
        message.exchange = shortened(exchange);
        if let Some(key) = key {
            message.key = shortened(key);
        }
        // one that goes nowhere, or to a full broker, is gone: RabbitMQ keeps it no better
        self.route(message);
    }
}

/// Text for a field of 255 bytes, cut between characters.
pub(super) fn shortened(mut text: String) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.into()
}

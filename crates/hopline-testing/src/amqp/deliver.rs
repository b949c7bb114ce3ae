//! Deliveries: handing out messages, and settling them by ack, nack, reject or requeue.
//! `methods` calls it for a client's method, and `publish` for each message that was queued.

use std::time::Instant;

use amq_protocol::protocol::basic;

use super::channel::ChannelId;
use super::message::{Death, Message};
use super::state::State;

impl State {
    /// Settles one delivery, or all up to it: acknowledged, put back or dead-lettered.
    ///
    /// `requeue` is `None` for an ack, true to put messages back and false to dead-letter them. Tag 0 with `multiple` means all. A
    /// tag that is not known closes the channel with 406, as it shows a double ack.
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
        if tags.is_empty() && (!multiple || tag != 0) {
            let text = format!("PRECONDITION_FAILED - unknown delivery tag {tag}");
            return self.fail::<basic::Ack>(at, 406, text);
        }
        let messages: Vec<_> = tags
            .iter()
            // the last first: each is put at the front, so that they keep their order
            .rev()
            .filter_map(|tag| channel.unacked.remove(tag))
            .collect();
        for (queue, message) in messages {
            match requeue {
                None => {}
                Some(true) => self.put_back(&queue, message),
                Some(false) => self.dead_letter(&queue, message, Death::Rejected),
            }
        }
        self.dispatch_all();
    }

    /// Hands out the next message of a queue, for `basic.get`.
    ///
    /// A queue without a message is answered with `basic.get-empty`. With `no_ack` the message is settled when it is sent.
    pub(super) fn get(&mut self, at: ChannelId, get: &basic::Get, name: &str) {
        self.expire_in(name, Instant::now());
        let (Some(queue), Some(channel)) = (self.queues.get_mut(name), self.channels.get_mut(&at))
        else {
            return;
        };
        let Some(message) = queue.ready.pop_front() else {
            return channel.basic(basic::AMQPMethod::GetEmpty(basic::GetEmpty {}));
        };
        let delivery_tag = channel.next_tag();
        let ok = basic::GetOk {
            delivery_tag,
            redelivered: message.redelivered,
            exchange: message.exchange.clone(),
            routing_key: message.key.clone(),
            message_count: queue.ready.len() as u32,
        };
        channel.send(
            basic::AMQPMethod::GetOk(ok),
            &message,
            queue.counts_deliveries(),
        );
        if !get.no_ack {
            let unacked = (name.to_owned(), message);
            channel.unacked.insert(delivery_tag, unacked);
        }
    }

    /// Gives a queue's messages to its consumers in turn, as far as they have room.
    ///
    /// Consumers take turns. One without room is moved to the end, and the loop ends when all in a row had none: a message is
    /// never sent beyond a prefetch count.
    pub(super) fn dispatch(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        let counted = queue.counts_deliveries();
        // consumers in a row without room
        let mut refused = 0;
        while refused < queue.consumers.len() && !queue.ready.is_empty() {
            let Some(consumer) = queue.consumers.pop_front() else {
                return;
            };
            let Some(channel) = self.channels.get_mut(&consumer.channel) else {
                // the channel of this consumer is closed, so it is not put back into the queue
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
            channel.send(basic::AMQPMethod::Deliver(deliver), &message, counted);
            if !consumer.no_ack {
                channel.unacked.insert(tag, (name.to_owned(), message));
            }
            queue.consumers.push_back(consumer);
        }
    }

    /// Dispatches each queue: a settled message makes room for messages of any queue of its channel.
    pub(super) fn dispatch_all(&mut self) {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        for name in names {
            self.dispatch(&name);
        }
    }

    /// Puts a message at the front of its queue, marked as redelivered.
    ///
    /// A quorum queue dead-letters it beyond its delivery limit. If the queue is gone, so is the message.
    pub(super) fn put_back(&mut self, name: &str, mut message: Message) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        message.redelivered = true;
        message.returns += 1;
        if queue.is_over_limit(message.returns) {
            return self.dead_letter(name, message, Death::DeliveryLimit);
        }
        self.timed |= message.expires.is_some();
        queue.ready.push_front(message);
    }
}

//! The broker's state: exchanges, bindings, queues, channels. One lock around it makes each method atomic; the readers of
//! the connections and the clock take it. Nothing here waits for a client.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::Sender;

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, channel};
use amq_protocol::types::ShortString;

use super::channel::{Channel, ChannelId};
use super::method::Method;
use super::queue::{Consumer, Queue};
use super::routing::ExchangeKind;

/// Everything that the broker has; it lives in memory and ends with the broker.
///
/// Methods that fail close a channel with `fail` and leave the rest as it was.
#[derive(Debug)]
pub(super) struct State {
    /// By name, sorted so that dispatching is in a fixed order.
    pub(super) queues: BTreeMap<String, Queue>,
    /// By name. The empty exchange is not in it, as it has no bindings.
    pub(super) exchanges: HashMap<String, ExchangeKind>,
    /// A list, searched for each message: tests have few.
    pub(super) bindings: Vec<Binding>,
    /// Open channels of all connections.
    pub(super) channels: HashMap<ChannelId, Channel>,
    /// The user name of each connection.
    ///
    /// Checked against the `user-id` of a message.
    pub(super) logins: HashMap<u64, String>,
    /// A message that expires was queued, so the clock must check again.
    pub(super) timed: bool,
    /// Number of generated names.
    ///
    /// Both for queues and for consumer tags, so no two names are equal.
    names: u64,
}

/// Routes messages of an exchange to a queue.
///
/// Two bindings of one exchange and queue may differ by their key; equal ones are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) exchange: String,
    pub(super) queue: String,
    /// Key or pattern, by the kind of the exchange.
    pub(super) key: String,
}

impl Default for State {
    /// A new broker has the exchanges that RabbitMQ declares itself.
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
            logins: HashMap::new(),
            timed: false,
            names: 0,
        }
    }
}

impl State {
    /// Generates a name.
    ///
    /// Names are unique in this broker. RabbitMQ's are random; a test is easier to read with numbers.
    pub(super) fn new_name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}-{}", self.names)
    }

    /// Opens a channel whose frames are sent to `out`.
    pub(super) fn open(&mut self, at: ChannelId, out: Sender<AMQPFrame>) {
        self.channels.insert(at, Channel::new(at.number, out));
    }

    /// Sends an answer, unless the client set `nowait`.
    pub(super) fn answer(&self, at: ChannelId, nowait: bool, class: AMQPClass) {
        if let Some(channel) = self.channels.get(&at).filter(|_| !nowait) {
            channel.send_method(class);
        }
    }

    /// Closes a channel, and requeues its unacknowledged messages.
    ///
    /// Consumers go first, so that no message is put back only to be delivered to this channel again.
    ///
    /// A queue that a consumer leaves may be deleted, and others may deliver what is requeued, so both follow.
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
        self.delete_unused();
        self.dispatch_all();
    }

    /// Closes a connection's channels, and deletes its exclusive queues.
    ///
    /// Called on each end of a connection, also an abrupt one.
    ///
    /// Exclusive queues are deleted last, when their consumers are closed.
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
        self.logins.remove(&connection);
        self.delete_where(|queue| queue.declared.owner == Some(connection));
    }

    /// Sends the pending confirms of a connection's channels.
    pub(super) fn flush_confirms(&mut self, connection: u64) {
        for (at, channel) in &mut self.channels {
            if at.connection == connection {
                channel.flush_confirms();
            }
        }
    }

    /// Closes a channel because the method `M` of its client failed.
    ///
    /// Pending confirms are sent before the close: the client takes what is unconfirmed then for lost.
    ///
    /// The code is one of AMQP's reply codes, such as 404 or 406; the text is cut to 255 bytes.
    pub(super) fn fail<M: Method>(&mut self, at: ChannelId, code: u16, text: String) {
        if let Some(channel) = self.channels.get_mut(&at) {
            channel.flush_confirms();
            let (class_id, method_id) = M::ids();
            let close = channel::Close {
                reply_code: code,
                reply_text: shortened(text),
                class_id,
                method_id,
            };
            channel.send_method(AMQPClass::Channel(channel::AMQPMethod::Close(close)));
        }
        self.close(at);
    }

    /// Cancels a consumer, and deletes an auto-delete queue with its last one.
    ///
    /// A tag that is not known is no error, as by RabbitMQ: a cancel may cross a cancel by the broker.
    pub(super) fn cancel(&mut self, at: ChannelId, tag: &ShortString) {
        if let Some(channel) = self.channels.get_mut(&at) {
            channel.replies.take_if(|replies| replies == tag);
        }
        for queue in self.queues.values_mut() {
            queue
                .consumers
                .retain(|consumer| consumer.channel != at || consumer.tag != *tag);
        }
        self.delete_unused();
    }

    /// Deletes a queue and cancels its consumers. Returns the number of its messages.
    ///
    /// Its messages are dropped, not dead-lettered, as by RabbitMQ.
    ///
    /// A consumer gets `basic.cancel`, which a client sees as the end of its stream.
    pub(super) fn delete_queue(&mut self, name: &str) -> usize {
        let queue = self.queues.remove(name).unwrap_or_default();
        self.bindings.retain(|binding| binding.queue != name);
        for Consumer { channel, tag, .. } in queue.consumers {
            if let Some(channel) = self.channels.get(&channel) {
                let cancel = basic::Cancel {
                    consumer_tag: tag,
                    nowait: true,
                };
                channel.basic(basic::AMQPMethod::Cancel(cancel));
            }
        }
        queue.ready.len()
    }

    /// Deletes auto-delete queues whose last consumer is gone.
    ///
    /// A queue that has never had a consumer is kept, or it would be deleted before its first one.
    fn delete_unused(&mut self) {
        self.delete_where(|queue| {
            queue.declared.auto_delete && queue.had_consumer && queue.consumers.is_empty()
        });
    }

    /// Deletes the queues that satisfy `gone`. Names are collected first, because deleting changes the map.
    fn delete_where(&mut self, gone: impl Fn(&Queue) -> bool) {
        let names = self.queues.iter().filter(|(_, queue)| gone(queue));
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.delete_queue(&name);
        }
    }
}

/// Text for a field of 255 bytes, cut between characters.
///
/// AMQP's short strings have one byte for the length.
pub(super) fn shortened(mut text: String) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.into()
}

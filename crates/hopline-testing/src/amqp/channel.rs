//! Channels: open deliveries, confirms, and the publish that is arriving.
//! `State` holds them; `methods`, `publish` and `deliver` change them under its lock.
//!
//! A channel that its client closes, or that the broker closes for an error, requeues its open deliveries.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::{AMQPClass, basic};
use amq_protocol::types::ShortString;

use super::message::Message;

/// A channel of a connection.
///
/// The number alone is unique in its connection only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChannelId {
    /// Number that the broker gave the connection.
    pub(super) connection: u64,
    /// Number that the client gave the channel, from 1.
    pub(super) number: u16,
}

/// State of an open channel.
///
/// Removed when either end closes it; frames that arrive afterwards are ignored.
#[derive(Debug)]
pub(super) struct Channel {
    /// To the connection's writer. Bounded by the broker's messages.
    out: Sender<AMQPFrame>,
    /// Written into each frame.
    number: u16,
    /// Tag of the last delivery; tags count from 1 for each channel.
    last_tag: u64,
    /// Unacknowledged deliveries by tag, with their queue.
    ///
    /// Sorted, so that `multiple` settles a range and a closed channel requeues in order.
    pub(super) unacked: BTreeMap<u64, (String, Message)>,
    /// Most unacknowledged deliveries, 0 without a limit.
    pub(super) prefetch: u16,
    /// `None` until the client selects confirms.
    pub(super) confirms: Option<Confirms>,
    /// A publish whose content is still arriving.
    pub(super) arriving: Option<Arriving>,
    /// The consumer of direct replies.
    pub(super) replies: Option<ShortString>,
    /// The queue that an empty name denotes.
    pub(super) last_declared: String,
}

/// Confirms of a channel that has them on.
#[derive(Debug, Default)]
pub(super) struct Confirms {
    /// Publishes since confirms were selected; the tag of the last one.
    ///
    /// Tags of confirms count publishes, not messages that were queued: an unroutable one is confirmed too.
    published: u64,
    /// Number of accepted publishes that are not confirmed yet.
    unconfirmed: u64,
}

/// A publish between its method and the end of its body.
#[derive(Debug)]
pub(super) struct Arriving {
    /// Exchange, key and flags.
    pub(super) publish: basic::Publish,
    /// Size and properties; `None` until its frame arrives.
    pub(super) header: Option<AMQPContentHeader>,
    /// Frames so far; up to `MAX_BODY` and one frame.
    pub(super) body: Vec<u8>,
}

impl Channel {
    /// Opens a channel without limits or confirms.
    pub(super) fn new(number: u16, out: Sender<AMQPFrame>) -> Self {
        Self {
            out,
            number,
            last_tag: 0,
            unacked: BTreeMap::new(),
            prefetch: 0,
            confirms: None,
            arriving: None,
            replies: None,
            last_declared: String::new(),
        }
    }

    /// Sends a method. Without a writer the connection is gone, and its reader cleans up.
    pub(super) fn send_method(&self, class: AMQPClass) {
        let _ = self.out.send(AMQPFrame::Method(self.number, class));
    }

    /// Sends a method of the class `basic`.
    pub(super) fn basic(&self, method: basic::AMQPMethod) {
        self.send_method(AMQPClass::Basic(method));
    }

    /// Sends a method with a message: a method, a header and body frames in a row, which no other frame of this channel divides.
    ///
    /// `counted` adds the number of deliveries, for a quorum queue.
    pub(super) fn send(&self, method: basic::AMQPMethod, message: &Message, counted: bool) {
        for frame in message.frames(self.number, method, counted) {
            let _ = self.out.send(frame);
        }
    }

    /// Returns true if one more delivery is within the prefetch count.
    ///
    /// The count is that of the channel; RabbitMQ applies `basic.qos` to each consumer, which is the same for one consumer.
    pub(super) fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unacked.len() < usize::from(self.prefetch)
    }

    /// Returns the tag of the next delivery.
    ///
    /// A tag is used once, also for deliveries without acks.
    pub(super) fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    /// Confirms a publish: an ack is sent later, for several at once; a nack at once.
    ///
    /// Without confirms it does nothing. `taken` is false if a queue refused the message.
    pub(super) fn confirm(&mut self, taken: bool) {
        let Some(confirms) = &mut self.confirms else {
            return;
        };
        confirms.published += 1;
        if taken {
            confirms.unconfirmed += 1;
            return;
        }
        let nack = basic::Nack {
            delivery_tag: confirms.published,
            multiple: false,
            requeue: false,
        };
        // earlier acks must be sent first: `multiple` must not reach a tag twice
        let unconfirmed = confirms.unconfirmed;
        confirms.unconfirmed = 0;
        let last = confirms.published - 1;
        self.acknowledge(last, unconfirmed);
        self.basic(basic::AMQPMethod::Nack(nack));
    }

    /// Sends one ack for all accepted publishes.
    ///
    /// The reader calls it after each read from the socket, when all publishes of that read are handled.
    pub(super) fn flush_confirms(&mut self) {
        if let Some(confirms) = &mut self.confirms {
            let (last, unconfirmed) = (
                confirms.published,
                std::mem::take(&mut confirms.unconfirmed),
            );
            self.acknowledge(last, unconfirmed);
        }
    }

    /// Acks `count` publishes up to this tag; nothing for 0.
    ///
    /// `multiple` is set for more than one: it covers each tag up to this one that is not confirmed yet.
    fn acknowledge(&self, delivery_tag: u64, count: u64) {
        if count > 0 {
            let multiple = count > 1;
            self.basic(basic::AMQPMethod::Ack(basic::Ack {
                delivery_tag,
                multiple,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_that_arrive_together_have_one_ack() {
        let (out, sent) = std::sync::mpsc::channel();
        let mut channel = Channel::new(1, out);
        channel.confirms = Some(Confirms::default());
        for taken in [true, true, false, true] {
            channel.confirm(taken);
        }
        channel.flush_confirms();
        channel.flush_confirms();
        let sent: Vec<(u64, bool)> = sent
            .try_iter()
            .map(|frame| match frame {
                AMQPFrame::Method(1, AMQPClass::Basic(basic::AMQPMethod::Ack(ack))) => {
                    (ack.delivery_tag, ack.multiple)
                }
                AMQPFrame::Method(1, AMQPClass::Basic(basic::AMQPMethod::Nack(nack))) => {
                    (nack.delivery_tag, nack.multiple)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sent, [(2, true), (3, false), (4, false)]);
    }
}

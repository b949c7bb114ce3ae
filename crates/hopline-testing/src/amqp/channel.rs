//! Channels.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::{AMQPClass, basic};

use super::message::Message;

/// A channel of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChannelId {
    pub(super) connection: u64,
    pub(super) number: u16,
}

#[derive(Debug)]
pub(super) struct Channel {
    /// To the connection's writer. What waits there is bounded by the broker's own messages.
    out: Sender<AMQPFrame>,
    number: u16,
    last_tag: u64,
    /// Delivered and not settled: by tag, with the queue they came from.
    pub(super) unacked: BTreeMap<u64, (String, Message)>,
    pub(super) prefetch: u16,
    /// Confirms are on, and so many were sent.
    pub(super) confirmed: Option<u64>,
    /// A publish whose content is still arriving.
    pub(super) arriving: Option<Arriving>,
}

#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) publish: basic::Publish,
    pub(super) header: Option<AMQPContentHeader>,
    pub(super) body: Vec<u8>,
}

impl Channel {
    pub(super) fn new(number: u16, out: Sender<AMQPFrame>) -> Self {
        Self {
            out,
            number,
            last_tag: 0,
            unacked: BTreeMap::new(),
            prefetch: 0,
            confirmed: None,
            arriving: None,
        }
    }

    /// A writer that is gone means that the connection is; its reader will clean up.
    pub(super) fn say(&self, class: AMQPClass) {
        let _ = self.out.send(AMQPFrame::Method(self.number, class));
    }

    pub(super) fn basic(&self, method: basic::AMQPMethod) {
        self.say(AMQPClass::Basic(method));
    }

    pub(super) fn send(&self, method: basic::AMQPMethod, message: &Message) {
        for frame in message.frames(self.number, method) {
            let _ = self.out.send(frame);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unacked.len() < usize::from(self.prefetch)
    }

    pub(super) fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }
}

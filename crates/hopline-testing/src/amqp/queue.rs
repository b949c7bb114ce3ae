//! Queues.

use std::collections::VecDeque;

use amq_protocol::types::{FieldTable, ShortString};

use super::channel::ChannelId;
use super::message::Message;

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) ready: VecDeque<Message>,
    /// In turn: the first is the next to get a message.
    pub(super) consumers: VecDeque<Consumer>,
    pub(super) arguments: FieldTable,
}

#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) channel: ChannelId,
    pub(super) tag: ShortString,
    pub(super) no_ack: bool,
}

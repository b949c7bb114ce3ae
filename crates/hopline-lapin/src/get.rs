//! Messages that were fetched.

use std::ops::{Deref, DerefMut};

use crate::delivery::Delivery;

/// A message that was [fetched](crate::Channel::basic_get), as [`lapin::message::BasicGetMessage`].
#[derive(Clone, Debug, PartialEq)]
pub struct BasicGetMessage {
    /// The message.
    pub delivery: Delivery,
    /// The number of messages left in the queue.
    pub message_count: u32,
}

impl Deref for BasicGetMessage {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl DerefMut for BasicGetMessage {
    fn deref_mut(&mut self) -> &mut Delivery {
        &mut self.delivery
    }
}

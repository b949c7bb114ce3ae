//! The class and method ids of methods, as closing a channel names the one that failed.
//! `State::fail` puts them into `channel.close`, so that a client's error names the method.
//!
//! The list below has each method that the broker may refuse; a method that it only answers is not in it.

use amq_protocol::protocol::{basic, exchange, queue};

/// A method of a client that the broker may refuse.
///
/// `channel.close` has two fields for them (AMQP 0-9-1, section 1.5.2.5 of the reference); 0 and 0 mean no method.
pub(super) trait Method {
    /// Its class id and its method id.
    ///
    /// Read from a default value, because amq-protocol gives them as methods of one.
    ///
    /// The class is first, as in the frame.
    fn ids() -> (u16, u16);
}

// amq-protocol has the ids as inherent methods of each type, which generic code cannot call
macro_rules! methods {
    ($($method:ty),+ $(,)?) => {$(
        impl Method for $method {
            fn ids() -> (u16, u16) {
                let method = Self::default();
                (method.get_amqp_class_id(), method.get_amqp_method_id())
            }
        }
    )+};
}

methods! {
    basic::Ack,
    basic::Consume,
    basic::Get,
    basic::Publish,
    exchange::Declare,
    exchange::Delete,
    queue::Bind,
    queue::Declare,
    queue::Delete,
    queue::Purge
}

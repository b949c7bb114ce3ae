//! The class and method ids of methods, as closing a channel names the one that failed.

use amq_protocol::protocol::{basic, exchange, queue};

/// A method of a client that the broker may refuse.
pub(super) trait Method {
    /// Its class id and its method id.
    fn ids() -> (u16, u16);
}

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

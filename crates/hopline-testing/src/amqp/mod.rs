//! An AMQP 0-9-1 broker in the process, for tests and examples without an installation.
//!
//! A client connects to it as to RabbitMQ, over a socket on loopback:
//!
//! ```no_run
//! let broker = hopline_testing::amqp::Broker::start()?;
//! let url = broker.url(); // amqp://guest:guest@127.0.0.1:PORT/%2f
//! # let _ = url;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It implements, as RabbitMQ does:
//!
//! | feature | extent |
//! |---|---|
//! | exchanges, bindings | direct, topic, fanout, the default one; more keys by the headers `CC` and `BCC` |
//! | queues | named or with a generated name, exclusive, auto-delete, `if_unused`, `if_empty`; a second declaration must be equal |
//! | publishing | confirms, also `multiple`; mandatory returns, before their confirm |
//! | consuming | prefetch, in turn, `no_ack`, exclusive; `basic.get`; cancel when the queue is deleted |
//! | settling | ack, nack, reject, `multiple`, requeue at the front as redelivered; recover |
//! | time to live | `x-message-ttl`, the message's own expiration, whichever is shorter; at the front of the queue only |
//! | limits | `x-max-length`, `x-max-length-bytes`, `x-overflow` |
//! | dead letters | `x-dead-letter-exchange`, `x-dead-letter-routing-key`, `x-death` with counts, no circles |
//! | `x-queue-type` = `quorum` | `x-delivery-count`, `x-delivery-limit`; it is no cluster |
//! | requests | direct reply-to (`amq.rabbitmq.reply-to`) |
//! | users | any login is accepted; the `user-id` of another login is refused |
//! | errors of a channel | 403, 404, 405, 406, 311 |
//!
//! A test can [stall](Broker::stall) it and [cut its connections](Broker::cut_connections).
//!
//! # Not implemented
//!
//! No passwords, permissions or virtual hosts; nothing on disk, so no restart; no priorities,
//! headers exchanges, alternate exchanges, bindings between exchanges, `x-expires`, `x-single-active-consumer`,
//! auto-delete exchanges, streams or lazy queues; no transactions, flow control or heartbeats of its own. A prefetch
//! is counted for the channel, not for each of its consumers. An unknown method ends the connection with 540; an unknown
//! argument is ignored. It is no replacement for tests against RabbitMQ.
//!
//! # Limits
//!
//! 100,000 messages in all queues together (more are nacked, or without confirms dropped), 16 MiB a
//! message, 128 KiB a frame. Each connection has a thread to read and one to write; one thread expires messages.

mod broker;
mod channel;
mod connection;
mod declare;
mod deliver;
mod end;
mod message;
mod method;
mod methods;
mod publish;
mod queue;
mod routing;
mod shared;
mod state;

pub use broker::{Broker, Stalled};

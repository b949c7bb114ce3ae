//! An AMQP 0-9-1 broker in the process, for tests and examples that are to run with nothing installed.
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
//! It answers as RabbitMQ does to: exchanges (direct, topic, fanout, the default one), queues, bindings,
//! publishing with confirms and mandatory returns, consuming with prefetch, `basic.get`, ack, nack and
//! reject with requeue, redelivery, dead-lettering with `x-death`, cancel when a queue is deleted, and
//! channel errors (404 for what is not there, 406 for an unknown delivery tag).
//!
//! # What it does not do
//!
//! No users, permissions or virtual hosts (any login is taken); nothing on disk; no TTL, priorities,
//! length limits, headers exchanges, alternate exchanges, quorum queues or streams; no transactions,
//! flow control or heartbeats of its own; confirms are sent one by one, never as `multiple`; `exclusive`
//! and `auto-delete` are accepted and have no effect. It is no replacement for tests against RabbitMQ.
//!
//! # Limits
//!
//! 100,000 messages in all queues together (more are nacked, or without confirms dropped), 16 MiB a
//! message, 128 KiB a frame. One thread reads and one writes for each connection.

mod broker;
mod channel;
mod connection;
mod message;
mod methods;
mod queue;
mod routing;
mod state;

pub use broker::Broker;

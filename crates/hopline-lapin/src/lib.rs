//! Distributed tracing for RabbitMQ over lapin: the trace context from publish to settled.
//!
//! ```no_run
//! use hopline_lapin::{ChannelExt, Delivery, Outcome, RunOptions};
//! use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions};
//! use lapin::types::FieldTable;
//! use lapin::{Connection, ConnectionProperties};
//!
//! async fn ship(delivery: Delivery) -> Result<Outcome, std::io::Error> {
//!     // a span of the trace that published it is current here
//!     println!("{} bytes", delivery.body().len());
//!     Ok(Outcome::Ack)
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = Connection::connect("amqp://localhost", ConnectionProperties::default()).await?;
//! let channel = connection.create_channel().await?;
//! channel.confirm_select(ConfirmSelectOptions::default()).await?;
//! let channel = channel.traced();
//!
//! channel.publish("", "orders", b"7").mandatory().await?; // until the broker has it
//!
//! let consumer = channel.basic_consume("orders".into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
//! consumer.await?.run(ship, RunOptions::default(), std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! POST /orders ▸ orders  201                12 ms  ██████████
//! └─ publish.message  orders               3.1 ms     ███
//!    └─ process.message  orders ▸ worker    22 ms        ███████████████
//!       └─ mail.send                        15 ms             ██████████
//! ```
//!
//! # Spans
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::SpanNames) | kind | lasts |
//! |---|---|---|---|
//! | `publish.message` | `publish {destination}` | PRODUCER | to the broker's confirm, if the channel has confirms on |
//! | `receive.message` | `receive {destination}` | CLIENT | the time of a `basic_get`, also of one that finds nothing |
//! | `process.message` | `process {destination}` | CONSUMER | until the message is settled; child of its publish span, and linked to it |
//!
//! | attribute | value |
//! |---|---|
//! | `messaging.system` | `rabbitmq` |
//! | `messaging.operation.name`, `messaging.operation.type` | `publish` and `send`, `receive` and `receive`, `process` and `process` |
//! | `messaging.destination.name` | exchange, routing key and queue, joined by `:`; empty and repeated parts left out |
//! | `messaging.rabbitmq.destination.routing_key`, `messaging.rabbitmq.message.delivery_tag` | as they are |
//! | `messaging.message.id`, `messaging.message.conversation_id` | the message's id and correlation id, if it has them |
//! | `hopline.messaging.redelivered` = `true` | it was delivered before |
//! | `retry_count` | how often, as far as the broker counts: quorum queues and dead letters exactly, else 1 |
//! | `hopline.messaging.outcome` | `ack`, `requeue` or `reject`, by the [runner](Consumer::run) |
//! | `error.type` | `unroutable`, `nacked`, `io`, `channel_closed`, `connection_closed`, a protocol error's name; `handler_error`, `timeout`, `panic`, `settle_lost` |
//!
//! # How to change it
//!
//! By the methods of [`Channel`]: a tracer, other names, [links instead of children](Channel::link_only).
//! Where the runner does not fit, a [`Consumer`] is a stream, and [`Delivery::process_span`] starts the span.
//!
//! # What it will not do
//!
//! It gives no way around itself but [`Channel::raw`]: nothing derefs to lapin's channel. A message that
//! carries a context of its own keeps it, and the publish span links to that. It neither reconnects nor
//! retries by itself; lapin's recovery works as before.

mod batch;
mod carrier;
mod channel;
mod consumer;
mod delivery;
mod destination;
mod error;
mod forward;
mod gate;
mod handle;
mod headers;
mod options;
mod outcome;
mod properties;
mod publish;
mod recovery;
mod requests;
mod run;
mod settings;
mod span;

pub use batch::Batch;
pub use carrier::{TableExtractor, TableInjector};
pub use channel::{Channel, ChannelExt};
pub use consumer::Consumer;
pub use delivery::Delivery;
pub use error::{PublishError, RequestError};
pub use options::RunOptions;
pub use outcome::Outcome;
pub use publish::Publish;
pub use requests::Requests;
pub use run::End;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

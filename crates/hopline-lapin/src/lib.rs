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
//! | `publish.batch` | `publish {destination}` | CLIENT | to the last confirm of [`publish_all`](Channel::publish_all), over its publish spans |
//! | `request.message` | `request {destination}` | CLIENT | to the reply of a [request](Requests), linked to where that was published |
//! | `receive.message` | `receive {destination}` | CLIENT | the time of a `basic_get`, also of one that finds nothing |
//! | `process.message` | `process {destination}` | CONSUMER | until the message is settled; child of its publish span, and linked to it |
//! | `process.batch` | `process {destination}` | CONSUMER | until the [batch](Batch) is settled; a root, linked to the publish span of each message |
//!
//! Queue names that nobody chose (`amq.gen-…`, `amq.rabbitmq.reply-to…`, `hopline.reply-…`) are in no span's name.
//!
//! | attribute | value |
//! |---|---|
//! | `messaging.system` | `rabbitmq` |
//! | `messaging.operation.name`, `messaging.operation.type` | `publish` and `send`, `request` and `send`, `receive` and `receive`, `process` and `process` |
//! | `messaging.destination.name` | exchange, routing key and queue, joined by `:`; empty and repeated parts left out |
//! | `messaging.destination.anonymous`, `messaging.destination.temporary` | `true`, where nobody chose the queue's name |
//! | `messaging.rabbitmq.destination.routing_key`, `messaging.rabbitmq.message.delivery_tag` | as they are |
//! | `messaging.message.id`, `messaging.message.conversation_id` | the message's id and correlation id, if it has them |
//! | `messaging.message.body.size` | bytes, if [asked for](Channel::body_sizes) |
//! | `messaging.batch.message_count` | of batches |
//! | `server.address`, `server.port` | if [said](Channel::server): a channel cannot tell |
//! | `hopline.messaging.redelivered` = `true` | it was delivered before |
//! | `retry_count` | how often: exactly for quorum queues, dead letters and by [`max_retries`](RunOptions::max_retries), else 1 |
//! | `hopline.messaging.delivery_count` | which delivery this is, from 1, where the queue counts (`x-delivery-count`) |
//! | `hopline.messaging.queue_time_ms` | since it was published, if it says when: by the header `timestamp_in_ms`, or in steps of a second by its timestamp ([`timestamps`](Channel::timestamps)) |
//! | `hopline.messaging.outcome` | `ack`, `requeue`, `reject`, `dead_letter`, or `abandoned` where the runner was dropped or could not wait, by the [runner](Consumer::run) |
//! | `hopline.messaging.resend_count` | how often a lost connection made it be [published again](Publish::resend) |
//! | `error.type` | publishing: `unroutable`, `nacked`, `name_too_long`, `headers_too_large`, `no_reply_to`, `not_recovered`; channels: `io`, `channel_closed`, `connection_closed`, `missed_heartbeat`, a protocol error's name; processing: `handler_error`, `timeout`, `panic`, `settle_lost`, `dead_letter_failed`; `cancelled`, which is no error, where nobody waited |
//!
//! Names are those of OpenTelemetry's semantic conventions for RabbitMQ (v1.44, in development); `hopline.…` and
//! `retry_count` are this crate's. With `OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup` older names stand beside them.
//!
//! # Returns, retries, recovery
//!
//! A mandatory message that no queue takes is [`PublishError::Unroutable`], and no other message is: lapin may give
//! a return to the wrong confirm where several wait, so mandatory messages of a channel go in groups that are
//! answered together, and each return is told by what it carries. What travels raw on the same channel is not seen.
//!
//! A message whose handler fails is rejected, requeued, requeued [so many times](RunOptions::max_retries), or
//! [handed over](RunOptions::dead_letter) to another queue, as the options say. A dead letter that is published again
//! starts a trace of its own, linked to the first.
//!
//! With lapin's auto-recovery a runner goes on by itself, and a publish that asks to be [resent](Publish::resend)
//! waits and goes on; others fail, and [`Channel::wait_for_recovery`] tells when to try again. None of them waits
//! longer than the [limit](Channel::recovery_limit): then it is time for a new connection. What was under way is
//! delivered again, so a handler may see a message twice: its second span is `redelivered`, the first one may say
//! `settle_lost`.
//!
//! # How to change it
//!
//! By the methods of [`Channel`]: a tracer, other names, [links instead of children](Channel::link_only) for all or
//! for [dead letters](Channel::link_dead_letters), what is recorded. Where the runner does not fit, a [`Consumer`] is
//! a stream, [`Consumer::batches`] gives it in batches, and [`Delivery::process_span`] starts the span. A handler may
//! be a tower service: time-outs, limits, retries and load shedding stack as they are.
//!
//! # What it will not do
//!
//! It gives no way around itself but [`Channel::raw`]: nothing derefs to lapin's channel. A message that
//! carries a context of its own keeps it, and the publish span links to that. It makes no spans for settling: the
//! outcome is on the process span. It declares no queue but that for the replies to [`Requests`], and sets no
//! prefetch: a consumer without one draws its whole queue into memory, and says so once.
//!
//! # What to know of lapin
//!
//! * It logs a returned message with its body, at WARN, through `tracing`: filter `lapin::returned_messages` where
//!   payloads are private.
//! * A broker that offers frames without a limit (`frame_max` 0; RabbitMQ does not) makes it ask for more memory than
//!   there is: connect with `?frame_max=131072`.
//! * After a recovery a channel takes messages before its queues and consumers are restored: in that moment one to a
//!   queue that went with the connection is unroutable.
//! * A connection that breaks while lapin writes to it, or while it reconnects, may stay in recovery for ever, with
//!   nobody told: hence the [limit](Channel::recovery_limit).
//! * `ShortString::from` panics beyond 255 bytes; [`Publish`] takes text instead and answers with an error.
//! * Short strings in headers make RabbitMQ close the connection; they are sent as long ones here.
//! * The runner, [`Requests`] and waiting for recovery need a tokio runtime; publishing and streams do not.

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

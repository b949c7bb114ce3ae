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
//! | `process.message` | `process {destination}` | CONSUMER | until the message is settled; child of its publish span, and linked to it, as its [trust](Channel::trust) has it |
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
//! | `server.address`, `server.port` | if [given](Channel::server): a channel does not know its server |
//! | `hopline.messaging.redelivered` = `true` | it was delivered before |
//! | `retry_count` | how often it was handled before: exactly for quorum queues, by [`max_retries`](RunOptions::max_retries), and where rejections brought it back to this queue; else 1 |
//! | `hopline.messaging.delivery_count` | which delivery this is, from 1, where the queue counts (`x-delivery-count`) |
//! | `hopline.messaging.queue_time_ms` | since it was published, if it has the time: by the header `timestamp_in_ms`, or in steps of a second by its timestamp ([`timestamps`](Channel::timestamps)) |
//! | `hopline.messaging.outcome` | `ack`, `requeue`, `reject`, `dead_letter`; `lost` if the connection was lost before it could be settled, so that it is delivered again; `abandoned` where the [runner](Consumer::run) was dropped or could not wait |
//! | `hopline.messaging.resend_count` | how often a lost connection made it be [published again](Publish::resend) |
//! | `error.type` | publishing: `unroutable`, `nacked`, `name_too_long`, `headers_too_large`, `headers_too_deep`, `no_reply_to`, `not_recovered`; channels: `io`, `channel_closed`, `connection_closed`, `missed_heartbeat`, a protocol error's name; processing, the first failure: `handler_error`, `timeout`, `panic`, `settle_lost`, `dead_letter_failed`; `cancelled`, which is no error, for a publish that was dropped |
//!
//! Names are those of OpenTelemetry's semantic conventions for RabbitMQ (v1.44, in development); `hopline.…` and
//! `retry_count` are this crate's. With `OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup` older names stand beside them.
//!
//! # Publishing
//!
//! [`Channel::publish`] waits for the broker's answer and fails where the message was not taken. lapin's own form,
//! [`Channel::basic_publish`], is ready when the frames are written, and gives a [`PublisherConfirm`] for the answer: many
//! may be under way.
//!
//! In both, a mandatory message that no queue takes is reported as returned, and no other message is: lapin may attach a
//! return to the wrong confirm if several are pending, so all answers of the channel are examined, and each return is
//! matched to its message. Messages published by [`Channel::raw`] on the same channel are not seen.
//!
//! # Retries and dead letters
//!
//! A message whose handler fails is rejected, requeued, requeued [up to a number of times](RunOptions::max_retries), or
//! [handed over](RunOptions::dead_letter) to another queue, as the options have it. Quorum queues count attempts; for
//! others the runner publishes the message again from its second attempt on. That copy is the same message:
//!
//! | of the message | in a copy for one more attempt | in a dead letter |
//! |---|---|---|
//! | exchange, routing key | in `hopline-retry-exchange` and `-routing-key`; the [`Delivery`] and its span have the first ones | in `hopline-dead-letter-exchange` and `-routing-key` |
//! | queue | in `hopline-retry-queue`; a count of another queue is none | in `hopline-dead-letter-queue` |
//! | attempts | in `hopline-retry-count`; the [`Delivery`] is `redelivered` | left out; the reason is in `hopline-dead-letter-reason` |
//! | body | stays | stays |
//! | content type and encoding, delivery mode, priority, correlation id, reply to, message id, timestamp, type, app id, cluster id | stay | stay |
//! | expiration | stays; its time starts anew | left out, as RabbitMQ does: in `hopline-dead-letter-expiration` |
//! | user id | left out, since the broker closes the channel for that of another login: in `hopline-retry-user-id`, which the broker does not vouch for | the same in `hopline-dead-letter-user-id` |
//! | `traceparent`, `tracestate`, `baggage` | stay, so that all attempts have one parent | those of the attempt that gave up, whose publish span links to the first |
//! | `CC` | set aside, or it would be routed again; the [`Delivery`] has it | in `hopline-dead-letter-cc` |
//! | `BCC` | the broker passes it on to no consumer | the same |
//! | `x-death`, `x-first-death-…` | stay | stay |
//! | `x-delivery-count` | queues that write it need no copy | left out: it counts for its own queue |
//! | other headers | stay; short strings become long ones, or RabbitMQ closes the connection | the same |
//! | mandatory | always | always |
//! | place in the queue | behind those that wait | |
//!
//! So who may publish to the default exchange can make up a message's exchange, routing key and attempts, as well as its
//! body; nothing of this is more trusted than a header. What a *queue* dead-letters after an attempt by copy has the
//! queue's name as its routing key: give such a queue an `x-dead-letter-routing-key`, or use
//! [`dead_letter`](RunOptions::dead_letter).
//!
//! `retry_count` is the attempts so far and the rejections (`x-death`) of the queue that is consumed; deaths in other
//! queues, and those by time or length, are no attempts. A dead letter that an application publishes again starts a trace
//! of its own, linked to the first.
//!
//! # Recovery
//!
//! With lapin's auto-recovery a runner resumes by itself, and a publish with [`resend`](Publish::resend) waits
//! for the recovery and is sent again; others fail, and [`Channel::wait_for_recovery`] is ready when to try again. None
//! waits longer than the [limit](Channel::recovery_limit): then open a new connection. Unsettled messages are
//! delivered again, so a handler may see a message twice: its second span is `redelivered`, the first one has the outcome
//! `lost`.
//!
//! # How to change it
//!
//! By the methods of [`Channel`]: a tracer, other names, what [strangers' contexts](Channel::trust) count for, links
//! instead of children for [dead letters](Channel::link_dead_letters), what is recorded. Where the runner does not fit, a
//! [`Consumer`] is a stream whose messages have their spans with them, [`Consumer::set_delegate`] takes lapin's delegates,
//! and [`Consumer::batches`] gives batches. A handler may be a tower service: time-outs, limits, retries and load
//! shedding stack as they are.
//!
//! # Coming from lapin
//!
//! Call `.traced()` on channels, and name this crate's `Channel`, `Consumer` and `Delivery` where signatures name lapin's.
//! Methods, fields and arguments are the same, with `delivery.ack(options)`, `delivery.data` and the rest. What lapin's own
//! types are needed for is at [`Channel::raw`] and `lapin::message::Delivery::from`.
//!
//! # What it will not do
//!
//! It gives no way around itself but [`Channel::raw`]: nothing derefs to lapin's channel. A message that
//! carries a context of its own keeps it, and the publish span links to that. It makes no spans for settling: the
//! outcome is on the process span. It declares no queue but that for the replies to [`Requests`], and sets no
//! prefetch: a consumer without one buffers its whole queue in memory, and one notice reports it.
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
//! * Its parser recurses into tables and arrays: 14 kB of them within each other overflow the stack of its thread, which
//!   ends the process before any code of this crate sees the message. Only who may publish to a consumed queue can do that;
//!   `RUST_MIN_STACK=268435456` in the environment takes all that fits into RabbitMQ's frames. This crate sends none deeper
//!   than 64 levels.
//! * [`Consumer::run`] and [`Channel::requests`] need a tokio runtime, and are errors without one; so does giving up at the
//!   [limit](Channel::recovery_limit). Publishing, streams and delegates do not.
//! * A broker that has not noticed the loss of a connection refuses its exclusive queues to the next one, and lapin's
//!   recovery closes the channel for it, also for that of [`Requests`]: give those a channel of their own.

mod channel;
mod consume;
mod content;
mod error;
mod publish;
mod recovery;
mod requests;
mod returns;
mod run;
mod span;

pub use channel::{Channel, ChannelExt};
pub use consume::{Batch, Consumer, Delivery, Outcome};
pub use error::{PublishError, RequestError};
pub use hopline_core::Trust;
pub use publish::{Publish, PublisherConfirm};
pub use requests::Requests;
pub use run::{RunOptions, StopReason};

/// Types for single purposes: a fetched message, and carriers of the trace context in header tables.
pub mod message {
    pub use crate::consume::BasicGetMessage;
    pub use crate::content::{TableExtractor, TableInjector};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Distributed tracing for RabbitMQ over lapin: the trace context from publish to settlement.
//!
//! Trace a channel where it is created; all else is lapin's:
//!
//! ```
//! # let broker = hopline_testing::amqp::Broker::start()?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use lapin::options::*;
//! # use lapin::types::FieldTable;
//! # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
//! # let (tracer, spans) = hopline_testing::tracer("shop");
//! use hopline_lapin::ChannelExt;
//!
//! let channel = connection.create_channel().await?.traced();
//! # let channel = channel.tracer(tracer);
//! # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
//! channel.confirm_select(ConfirmSelectOptions::default()).await?;
//! channel.publish("", "orders", b"7").mandatory().await?; // until the broker has confirmed it
//! # assert_eq!(spans.tree(), "publish.message  orders ▸ shop\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! publish.message  orders ▸ shop
//! ```
//!
//! A runner handles each message in a span of the trace that published it, and settles it by the handler's result:
//!
//! ```
//! # let broker = hopline_testing::amqp::Broker::start()?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use lapin::options::*;
//! # use lapin::types::FieldTable;
//! # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
//! # let (tracer, spans) = hopline_testing::tracer("shop");
//! # use hopline_lapin::ChannelExt;
//! # let channel = connection.create_channel().await?.traced().tracer(tracer);
//! # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
//! # let shutdown = async { let _ = spans.wait(3).await; };
//! use hopline_core::{FutureExt, span};
//! use hopline_lapin::{Delivery, RunOptions};
//!
//! async fn ship(order: Delivery) -> Result<(), std::io::Error> {
//!     let mail = async { /* sends `order.body()` */ };
//!     mail.in_span(span("mail.send")).await;
//!     Ok(()) // acknowledges
//! }
//!
//! channel.publish("", "orders", b"7").await?;
//! let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
//! let orders = channel.basic_consume("orders".into(), "".into(), options, arguments).await?;
//! orders.run(ship, RunOptions::default(), shutdown).await?;
//! # assert_eq!(spans.tree(), "publish.message  orders ▸ shop\n└─ process.message  orders\n   └─ mail.send\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! publish.message  orders ▸ shop
//! └─ process.message  orders
//!    └─ mail.send
//! ```
//!
//! Failed messages are retried and then published as dead letters, still in their trace:
//!
//! ```
//! # let broker = hopline_testing::amqp::Broker::start()?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use lapin::options::*;
//! # use lapin::types::FieldTable;
//! # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
//! # let (tracer, spans) = hopline_testing::tracer("shop");
//! # use hopline_lapin::{ChannelExt, Delivery, RunOptions};
//! # let channel = connection.create_channel().await?.traced().tracer(tracer);
//! # for queue in ["orders", "orders.failed"] {
//! #     channel.queue_declare(queue.into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
//! # }
//! # channel.publish("", "orders", b"7").await?;
//! # let (arguments, consume) = (FieldTable::default(), BasicConsumeOptions::default());
//! # let orders = channel.basic_consume("orders".into(), "".into(), consume, arguments).await?;
//! # let shutdown = async { let _ = spans.wait(4).await; };
//! use hopline_lapin::Outcome;
//!
//! async fn fail(_: Delivery) -> Result<(), &'static str> {
//!     Err("no such mailbox")
//! }
//!
//! let options = RunOptions::default()
//!     .on_error(Outcome::Requeue)
//!     .max_retries(1)
//!     .dead_letter("", "orders.failed");
//! orders.run(fail, options, shutdown).await?;
//! # assert_eq!(
//! #     spans.tree(),
//! #     "publish.message  orders ▸ shop\n├─ process.message  orders  ✗ handler_error\n└─ process.message  orders  ✗ handler_error  retry 1\n   └─ publish.message  orders.failed\n",
//! # );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! publish.message  orders ▸ shop
//! ├─ process.message  orders  ✗ handler_error
//! └─ process.message  orders  ✗ handler_error  retry 1
//!    └─ publish.message  orders.failed
//! ```
//!
//! # Spans
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::semconv::SpanNames) | kind | duration |
//! |---|---|---|---|
//! | `publish.message` | `publish {destination}` | PRODUCER | until the broker's confirm, or until the frames are written on a channel without confirms |
//! | `publish.batch` | `publish {destination}` | CLIENT | until the last confirm of [`publish_all`](Channel::publish_all); parent of its publish spans |
//! | `request.message` | `request {destination}` | CLIENT | until the reply to a [request](Requests); linked to the reply's publish span |
//! | `receive.message` | `receive {destination}` | CLIENT | of a `basic_get`, with or without a message |
//! | `process.message` | `process {destination}` | CONSUMER | until the message is settled; child of its publish span and linked to it, unless its [trust](Channel::trust) differs |
//! | `process.batch` | `process {destination}` | CONSUMER | until the [batch](Batch) is settled; a root, linked to each message's publish span |
//!
//! Generated queue names (`amq.gen-…`, `amq.rabbitmq.reply-to…`, `hopline.reply-…`) are not part of span names.
//!
//! | attribute | value |
//! |---|---|
//! | `messaging.system` | `rabbitmq` |
//! | `messaging.operation.name`, `messaging.operation.type` | `publish` and `send`, `request` and `send`, `receive` and `receive`, `process` and `process` |
//! | `messaging.destination.name` | exchange, routing key and queue, joined by `:` without empty and repeated parts |
//! | `messaging.destination.anonymous`, `messaging.destination.temporary` | `true` for generated queue names |
//! | `messaging.rabbitmq.destination.routing_key`, `messaging.rabbitmq.message.delivery_tag` | routing key and delivery tag |
//! | `messaging.message.id`, `messaging.message.conversation_id` | the properties `message-id` and `correlation-id` |
//! | `messaging.message.body.size` | bytes, if [enabled](Channel::body_sizes) |
//! | `messaging.batch.message_count` | number of messages of a batch |
//! | `server.address`, `server.port` | the broker's address, if [set](Channel::server): a channel does not know it |
//! | `hopline.messaging.redelivered` | `true` if the message was delivered before |
//! | `retry_count` | previous attempts: exact for quorum queues, with [`max_retries`](RunOptions::max_retries), and for rejections that brought it back to this queue; else 1 |
//! | `hopline.messaging.delivery_count` | number of this delivery, from 1, if the queue counts (`x-delivery-count`) |
//! | `hopline.messaging.queue_time_ms` | milliseconds since the publish, by the header `timestamp_in_ms`, else by the property `timestamp` ([`timestamps`](Channel::timestamps)) in steps of a second |
//! | `hopline.messaging.outcome` | `ack`, `requeue`, `reject`, `dead_letter`; `lost` if the connection was lost before the message was settled, so that it is delivered again; `abandoned` if the [runner](Consumer::run) was dropped or its drain was over |
//! | `hopline.messaging.resend_count` | number of times it was [published again](Publish::resend) after a lost connection |
//! | `error.type` | publishing: `unroutable`, `nacked`, `name_too_long`, `headers_too_large`, `headers_too_deep`, `no_reply_to`, `not_recovered`; channels: `io`, `channel_closed`, `connection_closed`, `missed_heartbeat`, a protocol error's name; processing, the first failure: `handler_error`, `timeout`, `panic`, `settle_lost`, `dead_letter_failed`; `cancelled`, which is no error, for a publish that was dropped |
//!
//! Names are those of OpenTelemetry's semantic conventions for RabbitMQ (v1.44, in development); `hopline.…` and
//! `retry_count` are this crate's. With `OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup` attributes have their older names
//! too.
//!
//! # Metrics
//!
//! With a [meter](hopline_core::TracerBuilder::meter), such as that of `hopline-metrics`, each message is counted, recorded or not.
//! The duration of a recorded operation is that of its span.
//!
//! | instrument | unit | for | `messaging.operation.name` |
//! |---|---|---|---|
//! | `messaging.client.sent.messages` | `{message}` | each publish, also a failed one | `publish` |
//! | `messaging.client.consumed.messages` | `{message}` | each message that a stream, runner, delegate or `basic_get` passes to the application | `process`; `receive` of `basic_get` |
//! | `messaging.client.operation.duration` | s | each publish, request and `basic_get` | `publish`, `request`, `receive` |
//! | `messaging.process.duration` | s | each message or runner's batch, until it is settled or dropped | `process` |
//!
//! Other attributes are `messaging.system`, `messaging.destination.name`, `error.type`, and `server.address` and `server.port` if
//! [set](Channel::server). Destinations have no generated queue names, and those of delivered messages have no routing key, since
//! any publisher may choose one. Routing keys of publishes are part of them: publish by few keys, or drop the attribute by
//! a view.
//!
//! [`publish_all`](Channel::publish_all) is measured as its publishes. A span that the application takes by
//! [`Delivery::process_span`] or [`Batch::process_span`] is its own, and not measured; the message is counted. Nothing is
//! measured in a [muted](hopline_core::Context::muted) context.
//!
//! # Publishing
//!
//! [`Channel::publish`] waits for the broker's answer, and fails if the broker returned or refused the message. lapin's
//! own form, [`Channel::basic_publish`], is ready when the frames are written and gives a [`PublisherConfirm`], so that
//! many publishes can be in flight.
//!
//! Both report a return for its own message only. lapin may attach a return to another confirm if several are pending,
//! so this crate examines all answers of the channel. It does not see publishes by [`Channel::raw`].
//!
//! # Retries and dead letters
//!
//! The [options](RunOptions) decide about a message whose handler fails: it is rejected, requeued, requeued [up to a
//! number of times](RunOptions::max_retries), or [published to another queue](RunOptions::dead_letter). Quorum queues
//! count attempts. For other queues the runner publishes a copy from the second retry on. The copy is the same message:
//!
//! | part of the message | in a copy for one more attempt | in a dead letter |
//! |---|---|---|
//! | exchange, routing key | in `hopline-retry-exchange` and `-routing-key`; the [`Delivery`] and its span have the original ones | in `hopline-dead-letter-exchange` and `-routing-key` |
//! | queue | in `hopline-retry-queue`; counts of other queues are ignored | in `hopline-dead-letter-queue` |
//! | attempts | in `hopline-retry-count`; the [`Delivery`] is `redelivered` | left out; the reason is in `hopline-dead-letter-reason` |
//! | body | kept | kept |
//! | content type and encoding, delivery mode, priority, correlation id, reply to, message id, timestamp, type, app id, cluster id | kept | kept |
//! | expiration | kept; its time starts again | left out, as by RabbitMQ: in `hopline-dead-letter-expiration` |
//! | user id | left out, since the broker closes the channel for that of another login: in `hopline-retry-user-id`, which the broker does not validate | the same in `hopline-dead-letter-user-id` |
//! | `traceparent`, `tracestate`, `baggage` | kept, so that all attempts have one parent | of the last attempt, whose publish span links to the first publish |
//! | `CC` | moved, or the broker would route by it again; the [`Delivery`] has it | in `hopline-dead-letter-cc` |
//! | `BCC` | removed by the broker | removed by the broker |
//! | `x-death`, `x-first-death-…` | kept | kept |
//! | `x-delivery-count` | queues that write it need no copy | left out: it counts for its own queue |
//! | other headers | kept; short strings become long ones, or RabbitMQ closes the connection | the same |
//! | mandatory | set | set |
//! | place in the queue | last | |
//!
//! A client that may publish to the default exchange can forge a message's exchange, routing key and attempts, as it can
//! its body: trust them no more than a header. If a *queue* dead-letters such a copy, its routing key is the queue's
//! name: set `x-dead-letter-routing-key` for that queue, or use [`dead_letter`](RunOptions::dead_letter).
//!
//! `retry_count` is the number of attempts and of rejections (`x-death`) by the consumed queue. Deaths in other queues,
//! and those by expiration or length, are no attempts. A dead letter that an application publishes again begins a new
//! trace, linked to the first.
//!
//! # Recovery
//!
//! With lapin's auto-recovery a runner resumes by itself, and a publish with [`resend`](Publish::resend) is sent again.
//! Other publishes fail; [`Channel::wait_for_recovery`] is ready when they can be tried again. Each wait ends at the
//! [limit](Channel::recovery_limit): open a new connection then. Unsettled messages are delivered again, so a handler
//! may see a message twice: its second span is `redelivered`, the first has the outcome `lost`.
//!
//! # Configuration
//!
//! Methods of [`Channel`] set the tracer, span names, the [trust](Channel::trust) in contexts of strangers, links
//! instead of children for [dead letters](Channel::link_dead_letters), and optional attributes. Besides the runner, a
//! [`Consumer`] is a stream of messages with their spans, [`Consumer::set_delegate`] takes lapin's delegates, and
//! [`Consumer::batches`] yields batches. A handler may be a tower service, with tower's layers for time-outs, limits,
//! retries and load shedding.
//!
//! # Migration from lapin
//!
//! Call `.traced()` on channels, and use this crate's `Channel`, `Consumer` and `Delivery` in signatures. Methods, fields
//! and arguments are lapin's: `delivery.ack(options)`, `delivery.data` and so on. Code that needs lapin's own types gets
//! them from [`Channel::raw`] and `lapin::message::Delivery::from`.
//!
//! # Limits
//!
//! * Only [`Channel::raw`] is not traced: no type dereferences to lapin's channel.
//! * A message that has a context keeps it, and its publish span links to that.
//! * Settling has no span: its outcome is on the process span.
//! * The crate declares no queue except that for replies to [`Requests`], and sets no prefetch. A consumer without one
//!   buffers its whole queue in memory; one notice reports it.
//! * [`Consumer::run`] and [`Channel::requests`] return an error without a tokio runtime. The
//!   [recovery limit](Channel::recovery_limit) needs one too; publishing, streams and delegates do not.
//!
//! # Known problems of lapin
//!
//! * It logs returned messages with their bodies at WARN through `tracing`: filter `lapin::returned_messages` where
//!   payloads are private.
//! * If a broker offers frames without a limit (`frame_max` 0; RabbitMQ does not), lapin allocates more memory than
//!   there is: connect with `?frame_max=131072`.
//! * After a recovery a channel accepts publishes before its queues and consumers are restored: a message to an
//!   exclusive queue is unroutable in that time.
//! * A connection that breaks during a write or a reconnect may stay in recovery for ever, without an error: hence the
//!   [limit](Channel::recovery_limit).
//! * `Connection::close` fails, or never returns, if the last handle of a channel is dropped at the same time, as a server
//!   drops its state at a shutdown: keep one until it has returned, and limit its time, since a broker that blocks its
//!   publishers does not let it return either.
//! * `ShortString::from` panics beyond 255 bytes; [`Publish`] takes text, and returns an error.
//! * Short strings in headers make RabbitMQ close the connection; this crate sends them as long ones.
//! * Its parser recurses into tables and arrays: 14 kB of nested ones overflow the stack of its thread, which ends the
//!   process before this crate sees the message. Any client that may publish to a consumed queue can send them. With
//!   `RUST_MIN_STACK=268435456` in the environment the stack is large enough for RabbitMQ's frames. This crate sends no
//!   more than 64 levels.
//! * A broker that has not noticed the loss of a connection refuses its exclusive queues to the next one, and lapin's
//!   recovery then closes the channel: give [`Requests`] a channel of their own.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod consume;
mod content;
mod error;
mod metrics;
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

/// Types that few programs name: a fetched message, and carriers of the trace context in header tables.
pub mod message {
    pub use crate::consume::BasicGetMessage;
    pub use crate::content::{TableExtractor, TableInjector};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

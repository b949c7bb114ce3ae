//! Requests over queues: each is published, and waits for its reply.
//!
//! Adds `requests` and `reply` to [`Channel`](crate::Channel). Nothing else of the crate imports it.

mod ids;
mod waiting;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{FutureExt, SpanKind};
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use tokio::task::AbortHandle;

use crate::channel::Channel;
use crate::consume::{Consumer, Delivery};
use crate::error::RequestError;
use crate::publish::Publish;
use crate::recovery::needs_tokio;
use crate::span::{InFlight, Measured, Operation, REPLIES, Subject};
use ids::Ids;
use waiting::{Close, Waiting};

/// A client that sends requests to a queue and waits for replies. Made by [`Channel::requests`]; the other side answers
/// by [`Channel::reply`].
///
/// Each request is a span `request.message` with the publish span under it, linked to the publish span of the reply.
/// All of them have `messaging.message.conversation_id`.
///
/// # Trust
///
/// A reply must have the request's correlation id, which is 128 random bits: a service that received one request can
/// answer that one, and cannot forge a reply to another. The reply queue is exclusive: only this connection can consume,
/// delete or bind it. Services that consume the same queue can each receive a request, and answer it. The channel's
/// [trust](Channel::trust) decides the use of a reply's trace context.
///
/// # Recovery
///
/// Requests continue after lapin's auto-recovery. But a broker that has not noticed the loss of the old connection
/// refuses the exclusive queue to the new one, which closes the channel: then each request fails with
/// [`RequestError::Closed`], and new `Requests` must be prepared. Give them a channel of their own, since all of that
/// channel closes.
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::{ChannelExt, Delivery, RunOptions};
/// # use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions, QueueDeclareOptions};
/// # use lapin::types::FieldTable;
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// # channel.queue_declare("prices".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
/// let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
/// let service = channel.basic_consume("prices".into(), "".into(), options, arguments).await?;
/// let replies = channel.clone();
/// let answer = move |request: Delivery| {
///     let replies = replies.clone();
///     async move { replies.reply(&request, b"12.50").await.map(|_| ()) }
/// };
///
/// let requests = channel.requests().await?;
/// let client = async {
///     let reply = requests.call("", "prices", b"teapot").await.expect("a reply");
///     assert_eq!(reply.body(), b"12.50");
/// };
/// service.run(answer, RunOptions::default(), client).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Requests {
    channel: Channel,
    /// Not RabbitMQ's direct reply-to: a request by that closes a channel that lapin has recovered without its consumers
    /// yet.
    reply_queue: String,
    waiting: Arc<Waiting>,
    ids: Ids,
    timeout: Duration,
    reader: AbortHandle,
}

impl Channel {
    /// Prepares to send requests over this channel. Needs a tokio runtime.
    ///
    /// Declares a queue for replies (`hopline.reply-…`) that is deleted with it, so prepare once and share it. Enable
    /// confirms on the channel: then a request that no queue takes fails at once.
    ///
    /// # Errors
    ///
    /// Returns lapin's errors, and an error if there is no tokio runtime.
    pub async fn requests(&self) -> lapin::Result<Requests> {
        needs_tokio("Channel::requests")?;
        let ids = Ids::new()?;
        let name = format!("{REPLIES}{}", ids.next());
        // at most 46 bytes, so it does not panic
        let queue = || ShortString::from(name.as_str());
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let none = FieldTable::default();
        self.queue_declare(queue(), exclusive, none.clone()).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let replies = self.basic_consume(queue(), ShortString::default(), options, none);
        let replies = replies.await?;
        let waiting = Arc::<Waiting>::default();
        // one task for all requests; it ends with the channel, or with `Requests`
        let reader = tokio::spawn(read(replies, Arc::clone(&waiting)));
        Ok(Requests {
            channel: self.clone(),
            reply_queue: name,
            waiting,
            ids,
            timeout: Duration::from_secs(30),
            reader: reader.abort_handle(),
        })
    }

    /// Builds a reply to a message: to the queue in its `reply-to`, with its correlation id, or else its message id.
    ///
    /// Awaiting it fails with [`PublishError::NoReplyTo`](crate::PublishError::NoReplyTo) if the message has no
    /// `reply-to`. A mandatory reply fails if its requester is gone, except by RabbitMQ's direct reply-to, which
    /// returns each mandatory reply although it delivers it.
    pub fn reply<'a>(&'a self, to: &'a Delivery, body: &'a [u8]) -> Publish<'a> {
        Publish::in_reply_to(self, &to.properties, body)
    }
}

impl Requests {
    /// Limits the wait for each reply. Defaults to 30 seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    ///
    /// Returns an error if the request was not published, no reply arrived in time, or the channel is gone. A connection
    /// that is lost and recovered meanwhile loses the reply.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, the request may still be answered; the reply is dropped.
    pub async fn call(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Delivery, RequestError> {
        let subject = Subject {
            operation: Operation::Request,
            exchange,
            key,
            queue: None,
            links: &[],
            content: None,
        };
        let measured = Measured::start(&subject, SpanKind::Client, &self.channel.settings);
        let id = self.ids.next();
        measured.span.set("messaging.message.conversation_id", &id);
        let request = InFlight::new(measured);
        let context = request.context();
        let exchanged = self.exchange(&id, exchange, key, body).in_context(context);
        let reply = exchanged.await;
        if let Some(publisher) = reply.as_ref().ok().and_then(Delivery::publisher) {
            request.context().link(publisher);
        }
        request.ended(reply, RequestError::error_type)
    }

    async fn exchange(
        &self,
        id: &str,
        exchange: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Delivery, RequestError> {
        let mut entry = self.waiting.enter(id).ok_or(RequestError::Closed)?;
        let reply = async {
            let request = self.channel.publish(exchange, key, body).mandatory();
            request
                .correlation_id(id)
                .reply_to(&self.reply_queue)
                .await?;
            entry.reply().await.ok_or(RequestError::Closed)
        };
        let timed_out = RequestError::TimedOut(self.timeout);
        tokio::time::timeout(self.timeout, reply)
            .await
            .unwrap_or(Err(timed_out))
    }
}

/// Ends the reader. Does not block.
impl Drop for Requests {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Passes each reply to its request, until the channel is gone, or without a connection for longer than its limit.
async fn read(mut replies: Consumer, waiting: Arc<Waiting>) {
    let _closed = Close(&waiting);
    let channel = replies.channel.clone();
    let mut overdue = pin!(channel.recovery.overdue());
    loop {
        let reply = tokio::select! {
            biased;
            reply = poll_fn(|cx| replies.poll_delivery(cx)) => reply,
            _ = &mut overdue => return,
        };
        match reply {
            Some(Ok(reply)) => waiting.resolve(reply),
            Some(Err(error)) => {
                let recovered = channel.recovery.wait(&channel.inner, error).await;
                if recovered.is_err() {
                    return;
                }
            }
            None => return,
        }
    }
}

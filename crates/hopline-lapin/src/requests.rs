//! Requests that wait for a reply.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hopline_core::{FutureExt, Kind};
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::channel::Channel;
use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::error::RequestError;
use crate::recovery;
use crate::span::destination::{Operation, REPLIES};
use crate::span::subject::{InFlight, Subject};

/// Asks through a queue and waits for the reply. See [`Channel::requests`].
///
/// Each request is a span `request.message`, with the publish span under it, and linked to the span in which the
/// reply was published; all of them, the service's too, carry `messaging.message.conversation_id`.
///
/// The other side answers by [`Channel::reply`].
///
/// # Trust
///
/// A reply is taken for who knows the request's correlation id, which is 128 random bits of its own: a service that was
/// asked once can answer that request, and can forge no reply to another one. The reply queue is exclusive, so that only
/// this connection reads from it, deletes it or binds it. Two services that consume one queue see each other's requests,
/// if not at the same time: any consumer that the broker admits may answer. A reply's trace context counts as
/// the channel's [trust](Channel::trust) has it.
///
/// # Recovery
///
/// With lapin's auto-recovery they go on. A broker that has not noticed the loss of the old connection refuses the
/// exclusive queue to the new one, which closes the channel: then each request fails as [`RequestError::Closed`], and
/// new ones are to be prepared. Give them a channel of their own, so that nothing else goes with it.
#[derive(Debug)]
pub struct Requests {
    channel: Channel,
    /// A queue of its own, that goes with its consumer. Not RabbitMQ's direct reply-to: asking by that closes the
    /// channel in the moment when lapin has recovered it and not yet its consumers.
    replies: String,
    waiting: Arc<Waiting>,
    ids: Ids,
    timeout: Duration,
    reader: AbortHandle,
}

impl Channel {
    /// Prepares to send requests over this channel. Needs a tokio runtime.
    ///
    /// Replies come through a queue of its own (`hopline.reply-…`), which is deleted with it: prepare it once and
    /// share it. The channel should have confirms on, so that a request which no queue takes fails at once.
    ///
    /// # Errors
    ///
    /// As lapin's own, or there is no tokio runtime.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(channel: hopline_lapin::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// let requests = channel.requests().await?;
    /// let reply = requests.call("", "prices", b"teapot").await?;
    /// println!("{}", String::from_utf8_lossy(reply.body()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn requests(&self) -> lapin::Result<Requests> {
        recovery::needs_tokio("Channel::requests")?;
        let ids = Ids::new()?;
        let name = format!("{REPLIES}{}", ids.next());
        // names made of an id fit
        let queue = || ShortString::from(name.as_str());
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let none = FieldTable::default();
        self.queue_declare(queue(), own, none.clone()).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let replies = self.basic_consume(queue(), ShortString::default(), options, none);
        let replies = replies.await?;
        let waiting = Arc::<Waiting>::default();
        // one task for all requests, which ends with the channel, or with what it serves
        let reader = tokio::spawn(read(replies, Arc::clone(&waiting)));
        Ok(Requests {
            channel: self.clone(),
            replies: name,
            waiting,
            ids,
            timeout: Duration::from_secs(30),
            reader: reader.abort_handle(),
        })
    }
}

impl Requests {
    /// How long to wait for a reply; 30 seconds if not said.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    ///
    /// The request was not taken, no reply came in time, or the channel is gone. A connection that was lost and
    /// recovered meanwhile takes the reply with it.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, the request may still be answered; the answer is thrown away.
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
        };
        let span = subject.start(Kind::Client, &self.channel.settings);
        let id = self.ids.next();
        span.set("messaging.message.conversation_id", &id);
        let request = InFlight::new(span);
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
            request.correlation_id(id).reply_to(&self.replies).await?;
            (&mut entry.reply).await.map_err(|_| RequestError::Closed)
        };
        let timed_out = RequestError::TimedOut(self.timeout);
        tokio::time::timeout(self.timeout, reply)
            .await
            .unwrap_or(Err(timed_out))
    }
}

/// Nobody asks any more: the reader ends.
impl Drop for Requests {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Gives each reply to who waits for it, until the channel is gone for good, or for longer than it may.
async fn read(mut replies: Consumer, waiting: Arc<Waiting>) {
    let _closed = Close(&waiting);
    let channel = replies.channel.clone();
    let mut overdue = pin!(recovery::overdue(&channel));
    loop {
        let reply = tokio::select! {
            biased;
            reply = poll_fn(|cx| replies.poll_delivery(cx)) => reply,
            _ = &mut overdue => return,
        };
        match reply {
            Some(Ok(reply)) => waiting.give(reply),
            Some(Err(error)) => {
                if recovery::wait(&channel, error).await.is_err() {
                    return;
                }
            }
            None => return,
        }
    }
}

/// Requests without a reply so far, by correlation id: as many as callers wait, since each takes itself out.
#[derive(Debug)]
struct Waiting(
    // A plain lock, held for one look-up; none inside once the channel is gone.
    Mutex<Option<HashMap<String, oneshot::Sender<Delivery>>>>,
);

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Option<HashMap<String, oneshot::Sender<Delivery>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter<'a>(&'a self, id: &'a str) -> Option<Entry<'a>> {
        let (sender, reply) = oneshot::channel();
        self.lock().as_mut()?.insert(id.to_owned(), sender);
        Some(Entry {
            waiting: self,
            id,
            reply,
        })
    }

    /// A reply that nobody waits for any more is dropped.
    fn give(&self, reply: Delivery) {
        let id = reply.properties.correlation_id().clone();
        let Some(id) = id else { return };
        let sender = self
            .lock()
            .as_mut()
            .and_then(|waiting| waiting.remove(id.as_str()));
        if let Some(sender) = sender {
            let _ = sender.send(reply);
        }
    }
}

/// A request that waits; dropped, it is forgotten.
struct Entry<'a> {
    waiting: &'a Waiting,
    id: &'a str,
    reply: oneshot::Receiver<Delivery>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.lock().as_mut() {
            waiting.remove(self.id);
        }
    }
}

/// Also if the reader is aborted, nobody waits in vain.
struct Close<'a>(&'a Waiting);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

/// 128 random bits each, of a generator that who knows some cannot foretell.
#[derive(Debug)]
struct Ids(
    // A plain lock, held for two numbers.
    Mutex<StdRng>,
);

impl Ids {
    fn new() -> lapin::Result<Self> {
        let random = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
        Ok(Self(Mutex::new(random)))
    }

    fn next(&self) -> String {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:016x}{:016x}", random.next_u64(), random.next_u64())
    }
}

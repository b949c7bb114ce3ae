//! One message or batch, from its span's start to settled.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hopline_core::{FutureExt, Literal, Span};
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use tower_service::Service;

use crate::batch::Batch;
use crate::channel::Channel;
use crate::content::republish;
use crate::delivery::{Delivery, Inner};
use crate::error::{PublishError, error_type};
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::processing::{LOST, SETTLE_LOST};
use crate::publish::publish;
use crate::send::{Carry, Message};

/// Before a message that could not be handed over is requeued.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What a handler is given.
pub(crate) trait Job: Send + 'static {
    fn process_span(&self) -> Span;
    /// What is kept of it to settle it, with a copy of the message if it may be published again.
    fn kept(&self, copy: bool) -> Kept;
}

/// What is settled when the handler is done, which may have taken the message apart.
pub(crate) enum Kept {
    Message(Arc<Inner>, Option<Box<Delivery>>),
    Batch(Batch),
}

impl Kept {
    fn each(&self) -> impl Iterator<Item = (&Inner, Option<&Delivery>)> {
        let (one, all) = match self {
            Self::Message(inner, copy) => (Some((&**inner, copy.as_deref())), None),
            Self::Batch(batch) => (None, Some(batch.deliveries())),
        };
        let all = all.into_iter().flatten();
        one.into_iter()
            .chain(all.map(|one| (&*one.inner, Some(one))))
    }
}

impl Job for Delivery {
    fn process_span(&self) -> Span {
        Self::process_span(self)
    }

    fn kept(&self, copy: bool) -> Kept {
        let message = copy.then(|| Box::new(self.clone()));
        Kept::Message(Arc::clone(&self.inner), message)
    }
}

impl Job for Batch {
    fn process_span(&self) -> Span {
        Self::process_span(self)
    }

    fn kept(&self, _: bool) -> Kept {
        Kept::Batch(self.clone())
    }
}

pub(crate) async fn handle<J, S>(mut service: S, job: J, options: &RunOptions, channel: &Channel)
where
    J: Job,
    S: Service<J, Response: Into<Outcome>, Error: Into<BoxError>>,
{
    let running = Running(Some(job.process_span()));
    let kept = job.kept(options.publishes());
    let work = async {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(job).await
    };
    let work = AssertUnwindSafe(work.in_context(running.context())).catch_unwind();
    let result = match options.timeout {
        Some(limit) => tokio::time::timeout(limit, work).await,
        None => Ok(work.await),
    };
    let (outcome, why) = match result {
        Ok(Ok(Ok(response))) => (response.into(), None),
        Ok(Ok(Err(_))) => (options.on_error, Some("handler_error")),
        Ok(Err(_)) => (options.on_panic, Some("panic")),
        Err(_) => (options.on_error, Some("timeout")),
    };
    running.failed(why);
    let settling = kept.each().map(|(inner, message)| {
        let to_settle = Settling {
            inner,
            message,
            why,
            options,
            channel,
        };
        to_settle.settle(outcome)
    });
    let mut done = outcome.label();
    for (label, error_type) in join_all(settling).in_context(running.context()).await {
        if label != outcome.label() {
            done = label;
        }
        // the span records the first failure
        if why.is_none() {
            running.failed(error_type.as_deref());
        }
    }
    running.end(done);
}

/// One message, to be settled as far as it is not yet.
struct Settling<'a> {
    inner: &'a Inner,
    message: Option<&'a Delivery>,
    why: Option<&'a str>,
    options: &'a RunOptions,
    channel: &'a Channel,
}

impl Settling<'_> {
    /// Gives what became of it, and an error's type if that is not what was wanted.
    async fn settle(self, outcome: Outcome) -> (&'static str, Option<String>) {
        if self.inner.is_settled() {
            return (outcome.label(), None);
        }
        let (outcome, label) = match outcome {
            Outcome::Requeue if self.options.max_retries.is_some() => {
                if self.options.max_retries <= Some(self.inner.retry_count()) {
                    self.give_up().await
                } else {
                    (self.publish_again().await, outcome.label())
                }
            }
            Outcome::Reject => self.give_up().await,
            other => (other, other.label()),
        };
        let failed = (label == FAILED).then(|| FAILED.to_owned());
        match self.inner.settle(outcome).await {
            Ok(true) if failed.is_some() => (outcome.label(), failed),
            Ok(true) => (label, None),
            // handled, but the broker will not know: it comes again, as redelivered
            Ok(false) => (LOST, Some(SETTLE_LOST.to_owned())),
            Err(error) => (LOST, Some(error_type(&error))),
        }
    }

    /// Hands it over to where dead letters go; what is left to do with it, and what that is called.
    async fn give_up(&self) -> (Outcome, &'static str) {
        let rejected = (Outcome::Reject, Outcome::Reject.label());
        let (Some((exchange, key)), Some(message)) = (&self.options.dead_letter, self.message)
        else {
            return rejected;
        };
        let (exchange, key) = (ShortString::try_new(exchange), ShortString::try_new(key));
        let (Ok(exchange), Ok(key)) = (exchange, key) else {
            // checked before the runner started
            return rejected;
        };
        let letter = Message {
            exchange,
            key,
            body: message.body(),
            options: MANDATORY,
            properties: republish::dead_letter(message.original(), self.why.unwrap_or("rejected")),
            carry: Carry::Letter(message.publisher().cloned()),
        };
        if publish(self.channel, letter, false).await.is_ok() {
            return (Outcome::Ack, "dead_letter");
        }
        // not lost: it comes again, and so does the attempt, but not at full speed; the publish span has what is wrong
        tokio::time::sleep(PAUSE).await;
        (Outcome::Requeue, FAILED)
    }

    /// Counts a retry where the broker does not; what is left to do with the message.
    async fn publish_again(&self) -> Outcome {
        // the first time is told from others by `redelivered`, and only then is it seen whether the queue counts
        let Some(message) = self
            .message
            .filter(|_| !self.inner.counted && !self.inner.is_first())
        else {
            return Outcome::Requeue;
        };
        let Ok(queue) = ShortString::try_new(message.queue()) else {
            return Outcome::Requeue;
        };
        let again = Message {
            exchange: ShortString::default(),
            key: queue,
            body: message.body(),
            options: MANDATORY,
            properties: republish::retry(
                message.original(),
                self.inner.attempts().saturating_add(1),
            ),
            carry: Carry::Copy,
        };
        let again: Result<_, PublishError> = publish(self.channel, again, false).await;
        // if that fails the broker's own way is left, which does not count
        again.map_or(Outcome::Requeue, |_| Outcome::Ack)
    }
}

/// `error.type` of a message that could not be handed over.
const FAILED: &str = "dead_letter_failed";

const MANDATORY: BasicPublishOptions = BasicPublishOptions {
    mandatory: true,
    immediate: false,
};

/// A process span that records its outcome, whichever way it ends.
struct Running(Option<Span>);

impl Running {
    fn context(&self) -> hopline_core::Context {
        self.0.as_ref().map(Span::context).unwrap_or_default()
    }

    fn failed(&self, error_type: Option<&str>) {
        if let (Some(span), Some(error_type)) = (&self.0, error_type) {
            span.fail(hopline_core::Name::dynamic(error_type));
        }
    }

    fn end(mut self, outcome: &'static str) {
        if let Some(span) = self.0.take() {
            span.set("hopline.messaging.outcome", Literal(outcome));
        }
    }
}

/// The runner is gone, or waits no longer; the message comes again when the channel closes.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.set("hopline.messaging.outcome", Literal("abandoned"));
            span.cancel();
        }
    }
}

/// An async function as a service.
#[derive(Clone)]
pub(crate) struct HandlerFn<F>(pub(crate) F);

impl<J, F, Fut, R, E> Service<J> for HandlerFn<F>
where
    F: FnMut(J) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, job: J) -> Fut {
        (self.0)(job)
    }
}

//! One message or batch, from its span's start to settled.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hopline_core::{FutureExt, Literal, Span};
use lapin::types::AMQPValue;
use tower_service::Service;

use crate::batch::Batch;
use crate::channel::Channel;
use crate::delivery::Delivery;
use crate::error::error_type;
use crate::headers::{self, DEATH_QUEUE, DEATH_REASON, RETRIES};
use crate::options::RunOptions;
use crate::outcome::Outcome;

/// Before a message that could not be handed over is requeued.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What a handler is given.
pub(crate) trait Job: Clone + Send + 'static {
    fn process_span(&self) -> Span;
    fn deliveries(&self) -> &[Delivery];
}

impl Job for Delivery {
    fn process_span(&self) -> Span {
        Self::process_span(self)
    }

    fn deliveries(&self) -> &[Delivery] {
        std::slice::from_ref(self)
    }
}

impl Job for Batch {
    fn process_span(&self) -> Span {
        Self::process_span(self)
    }

    fn deliveries(&self) -> &[Delivery] {
        Self::deliveries(self)
    }
}

pub(crate) async fn handle<J, S>(mut service: S, job: J, options: &RunOptions, channel: &Channel)
where
    J: Job,
    S: Service<J, Response: Into<Outcome>, Error: Into<BoxError>>,
{
    let processing = Processing(Some(job.process_span()));
    let request = job.clone();
    let work = async {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    };
    let work = AssertUnwindSafe(work.in_context(processing.context())).catch_unwind();
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
    processing.failed(why);
    let mut done = outcome_label(outcome);
    let all = job.deliveries().iter();
    let settling = all.map(|delivery| settle(delivery, outcome, why, options, channel));
    for settled in join_all(settling).in_context(processing.context()).await {
        match settled {
            Ok(label) => done = label,
            Err(error_type) => processing.failed(Some(&error_type)),
        }
    }
    processing.end(done);
}

/// Settles one message, as far as it is not yet; gives what became of it.
async fn settle(
    delivery: &Delivery,
    outcome: Outcome,
    why: Option<&str>,
    options: &RunOptions,
    channel: &Channel,
) -> Result<&'static str, String> {
    if delivery.is_settled() {
        return Ok(outcome_label(outcome));
    }
    let retries = delivery.retry_count();
    let (outcome, label) = match outcome {
        Outcome::Requeue if options.max_retries.is_some_and(|max| retries >= max) => {
            give_up(delivery, why, options, channel).await?
        }
        Outcome::Requeue if options.max_retries.is_some() => {
            let again = publish_again(delivery, retries + 1, channel).await;
            (again, outcome_label(Outcome::Requeue))
        }
        Outcome::Reject => give_up(delivery, why, options, channel).await?,
        other => (other, outcome_label(other)),
    };
    match delivery.settle(outcome).await {
        Ok(true) => Ok(label),
        // handled, but the broker will not know: it comes again, as redelivered
        Ok(false) => Err("settle_lost".to_owned()),
        Err(error) => Err(error_type(&error)),
    }
}

/// Hands a message over to where dead letters go; what is left to do with it, and what that is called.
async fn give_up(
    delivery: &Delivery,
    why: Option<&str>,
    options: &RunOptions,
    channel: &Channel,
) -> Result<(Outcome, &'static str), String> {
    let Some((exchange, key)) = &options.dead_letter else {
        return Ok((Outcome::Reject, outcome_label(Outcome::Reject)));
    };
    let properties = delivery.properties();
    let headers = properties.headers().clone().unwrap_or_default();
    let mut headers = headers::without(&headers, &[RETRIES]);
    let text = |text: &str| AMQPValue::LongString(text.into());
    headers.insert(DEATH_REASON.into(), text(why.unwrap_or("rejected")));
    headers.insert(DEATH_QUEUE.into(), text(delivery.queue()));
    let letter = channel
        .publish(exchange, key, delivery.body())
        .properties(properties.clone().with_headers(headers))
        .mandatory();
    if letter.await.is_ok() {
        return Ok((Outcome::Ack, "dead_letter"));
    }
    // not lost: it comes again, and so does the attempt, but not at full speed; the publish span says what is wrong
    tokio::time::sleep(PAUSE).await;
    let _ = delivery.requeue().await;
    Err("dead_letter_failed".to_owned())
}

/// Counts a retry where the broker does not; what is left to do with the message.
async fn publish_again(delivery: &Delivery, retries: u64, channel: &Channel) -> Outcome {
    let properties = delivery.properties();
    let mut headers = properties.headers().clone().unwrap_or_default();
    let counted = headers::delivery_count(&headers).is_some();
    // the first time is told from others by `redelivered`, and only then is it seen whether the queue counts
    let first = !delivery.redelivered() && !headers.contains_key(RETRIES);
    if counted || first {
        return Outcome::Requeue;
    }
    let retries = i64::try_from(retries).unwrap_or(i64::MAX);
    headers.insert(RETRIES.into(), AMQPValue::LongLongInt(retries));
    let again = channel
        .publish("", delivery.queue(), delivery.body())
        .properties(properties.clone().with_headers(headers))
        .mandatory();
    // if that fails the broker's own way is left, which does not count
    again.await.map_or(Outcome::Requeue, |_| Outcome::Ack)
}

fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ack => "ack",
        Outcome::Requeue => "requeue",
        Outcome::Reject => "reject",
    }
}

/// A process span that says how it ended, whichever way that is.
struct Processing(Option<Span>);

impl Processing {
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

/// The runner is gone or would not wait longer; the message comes again when the channel closes.
impl Drop for Processing {
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

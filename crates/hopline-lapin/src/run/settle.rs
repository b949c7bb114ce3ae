//! Settling after a handler: acknowledge, retry or give up.
//!
//! | outcome of the handler | action |
//! |---|---|
//! | `Ack` | ack |
//! | `Requeue`, no `max_retries` | nack with requeue |
//! | `Requeue`, below `max_retries` | nack with requeue; from the second retry on, in a queue that does not count: publish a copy, then ack |
//! | `Requeue` at `max_retries`, or `Reject`, without `dead_letter` | reject |
//! | the same with `dead_letter` | publish a dead letter, then ack; if that fails, nack with requeue after a pause |

use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;

use super::options::RunOptions;
use crate::channel::Channel;
use crate::consume::{Arrival, Delivery, LOST, Outcome, SETTLE_LOST};
use crate::content::republish;
use crate::error::error_type;
use crate::publish::{Carry, Message, publish};

/// Pause before a message whose dead letter could not be published is requeued.
///
/// Without it, a dead-letter exchange that is missing would make the message circulate as fast as the broker
/// delivers.
const PAUSE: Duration = Duration::from_secs(1);
/// `error.type` of that message.
const FAILED: &str = "dead_letter_failed";

/// An unroutable copy is returned by the broker and is an error. Without the flag, the broker would drop the copy,
/// and the original would be acknowledged.
const MANDATORY: BasicPublishOptions = BasicPublishOptions {
    mandatory: true,
    immediate: false,
};

/// A message whose handler is done.
pub(super) struct Settling<'a> {
    /// The delivery to settle.
    pub(super) arrival: &'a Arrival,
    /// The message, if the runner may publish it again.
    pub(super) message: Option<&'a Delivery>,
    /// `error.type` of a failed handler.
    pub(super) failure: Option<&'a str>,
    /// Those of the runner: retries, dead letter, outcomes of failures.
    pub(super) options: &'a RunOptions,
    /// For copies and dead letters, which are published before the original is acknowledged: a failure between the
    /// two duplicates the message and does not lose it.
    pub(super) channel: &'a Channel,
}

impl Settling<'_> {
    /// Settles the message unless its handler did. Returns `hopline.messaging.outcome`, and an `error.type` if it
    /// differs from the wanted one because something failed.
    pub(super) async fn settle(self, outcome: Outcome) -> (&'static str, Option<String>) {
        if self.arrival.is_settled() {
            return (outcome.label(), None);
        }
        let (outcome, label) = match outcome {
            Outcome::Requeue if self.options.max_retries.is_some() => {
                if self.options.max_retries <= Some(self.arrival.retry_count()) {
                    self.give_up().await
                } else {
                    (self.retry().await, outcome.label())
                }
            }
            Outcome::Reject => self.give_up().await,
            other => (other, other.label()),
        };
        let failed = (label == FAILED).then(|| FAILED.to_owned());
        match self.arrival.settle(outcome).await {
            Ok(true) if failed.is_some() => (outcome.label(), failed),
            Ok(true) => (label, None),
            // handled, but the broker does not know: it delivers the message again
            Ok(false) => (LOST, Some(SETTLE_LOST.to_owned())),
            Err(error) => (LOST, Some(error_type(&error))),
        }
    }

    /// Publishes the dead letter if the options have a destination. Returns how to settle the message, and its label.
    async fn give_up(&self) -> (Outcome, &'static str) {
        let rejected = (Outcome::Reject, Outcome::Reject.label());
        let (Some((exchange, key)), Some(message)) = (&self.options.dead_letter, self.message)
        else {
            return rejected;
        };
        let (exchange, key) = (ShortString::try_new(exchange), ShortString::try_new(key));
        let (Ok(exchange), Ok(key)) = (exchange, key) else {
            // unreachable: checked before the runner starts
            return rejected;
        };
        let reason = self.failure.unwrap_or("rejected");
        let letter = Message {
            exchange,
            key,
            body: message.body(),
            options: MANDATORY,
            properties: republish::dead_letter(message.original(), reason),
            carry: Carry::DeadLetter(message.publisher().cloned()),
        };
        if publish(self.channel, letter, false).await.is_ok() {
            return (Outcome::Ack, "dead_letter");
        }
        // the message stays in its queue and is tried again, not at full speed; the publish span has the error
        tokio::time::sleep(PAUSE).await;
        (Outcome::Requeue, FAILED)
    }

    /// Publishes a copy with the number of attempts, if the queue does not count them. Returns how to settle the
    /// message.
    ///
    /// A quorum queue counts deliveries itself; a classic queue only marks a message as redelivered.
    async fn retry(&self) -> Outcome {
        // `redelivered` counts the first attempt, and the second shows whether the queue counts
        let uncounted = !self.arrival.counted && !self.arrival.is_first();
        let Some(message) = self.message.filter(|_| uncounted) else {
            return Outcome::Requeue;
        };
        let Ok(queue) = ShortString::try_new(message.queue()) else {
            return Outcome::Requeue;
        };
        let copy = Message {
            exchange: ShortString::default(),
            key: queue,
            body: message.body(),
            options: MANDATORY,
            properties: republish::retry(
                message.original(),
                self.arrival.attempts().saturating_add(1),
            ),
            carry: Carry::Copy,
        };
        match publish(self.channel, copy, false).await {
            Ok(_) => Outcome::Ack,
            // an attempt that is not counted, rather than a lost message
            Err(_) => Outcome::Requeue,
        }
    }
}

//! The part of a delivery that outlives its public fields: how to settle it, and its process span.

use std::sync::Arc;

use hopline_core::{Incoming, SpanContext};
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};

use super::outcome::Outcome;
use super::processing::{LOST, Processing};
use crate::error::error_type;
use crate::span::Settings;

/// A delivered message without its content. Clones of a delivery share it.
///
/// A handler may take the content apart and drop it; the runner still settles the message by this.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// lapin's acker, which can settle once. A clone shares its state.
    pub(super) acker: Acker,
    /// The consumer's queue.
    pub(super) queue: Arc<str>,
    /// The consumer has no acknowledgements: the broker settled the message when it sent it.
    pub(super) no_ack: bool,
    /// Previous deliveries that the broker counted; at least one for a redelivered message.
    pub(super) delivered: u64,
    /// The broker's flag, for this copy of the message.
    pub(super) redelivered: bool,
    /// The queue counts deliveries.
    pub(crate) counted: bool,
    /// Attempts of this queue's runners, for a copy that one of them published.
    pub(super) retries: Option<u64>,
    /// Rejections by this queue's consumers.
    pub(super) rejections: u64,
    /// The trusted context, with the publish span as its parent or link.
    pub(super) incoming: Incoming,
    /// The publish span, where `Trust` permits its use.
    pub(super) publisher: Option<SpanContext>,
    /// Holds the process span until a handler takes it or the message is settled.
    pub(super) processing: Processing,
    /// Those of the channel at the time of the delivery.
    pub(super) settings: Arc<Settings>,
}

impl Arrival {
    /// Attempts and rejections before this delivery: the attribute `retry_count`.
    pub(crate) fn retry_count(&self) -> u64 {
        self.attempts().saturating_add(self.rejections)
    }

    /// Attempts before this one, since the message last entered its queue.
    pub(crate) fn attempts(&self) -> u64 {
        self.retries.unwrap_or(0).saturating_add(self.delivered)
    }

    /// Returns true for the first delivery: only the broker's flag distinguishes it from the second.
    pub(crate) fn is_first(&self) -> bool {
        !self.redelivered && self.retries.is_none()
    }

    /// Settles it by its own acker.
    ///
    /// Returns false if the message was settled before, if the broker expects no answer, or if the channel is gone.
    ///
    /// # Errors
    ///
    /// Returns lapin's error if the frame cannot be sent; the broker then delivers the message again.
    pub(crate) async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        let acker = &self.acker;
        match outcome {
            Outcome::Ack => self.ack(acker, BasicAckOptions::default()).await,
            Outcome::Requeue => {
                let (requeue, multiple) = (true, false);
                self.nack(acker, BasicNackOptions { multiple, requeue })
                    .await
            }
            Outcome::Reject => {
                self.reject(acker, BasicRejectOptions { requeue: false })
                    .await
            }
        }
    }

    /// Acknowledges by an acker that the application may have moved out of the delivery.
    pub(super) async fn ack(&self, acker: &Acker, options: BasicAckOptions) -> lapin::Result<bool> {
        self.settled_by(Outcome::Ack, acker.ack(options)).await
    }

    /// Rejects or requeues, several messages if `multiple` is set: only this one's span ends.
    pub(super) async fn nack(
        &self,
        acker: &Acker,
        options: BasicNackOptions,
    ) -> lapin::Result<bool> {
        let outcome = Outcome::of_negative(options.requeue);
        self.settled_by(outcome, acker.nack(options)).await
    }

    /// Rejects or requeues by `basic.reject`.
    pub(super) async fn reject(
        &self,
        acker: &Acker,
        options: BasicRejectOptions,
    ) -> lapin::Result<bool> {
        let outcome = Outcome::of_negative(options.requeue);
        self.settled_by(outcome, acker.reject(options)).await
    }

    /// Awaits the settling, and ends the process span if it is with the message.
    ///
    /// The span ends after the answer of lapin, not before: it then has the outcome that the broker knows.
    async fn settled_by(
        &self,
        outcome: Outcome,
        settling: impl Future<Output = lapin::Result<bool>>,
    ) -> lapin::Result<bool> {
        if self.no_ack {
            // the broker settled it when it sent it: settling again would close the channel
            self.processing.end(Ok(outcome.label()));
            return Ok(false);
        }
        let before = self.is_settled();
        let settled = settling.await;
        match &settled {
            Ok(false) if before => {}
            Ok(true) => self.processing.end(Ok(outcome.label())),
            Ok(false) => self.processing.end(Err(LOST.to_owned())),
            Err(error) => self.processing.end(Err(error_type(error))),
        }
        settled
    }

    /// Returns true if the broker expects no answer: it has one, or needs none.
    pub(crate) fn is_settled(&self) -> bool {
        self.no_ack || (!self.acker.usable() && !self.acker.poisoned())
    }
}

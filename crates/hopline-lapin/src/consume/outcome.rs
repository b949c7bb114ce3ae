//! Outcomes of a message.

/// The way a message is settled. A handler that returns `()` acknowledges.
///
/// # Examples
///
/// ```
/// use hopline_lapin::Outcome;
///
/// assert_eq!(Outcome::from(()), Outcome::Ack);
/// assert_eq!(Outcome::default(), Outcome::Ack);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "AMQP 0-9-1 has no other way to settle a message"
)]
pub enum Outcome {
    /// Acknowledges the message.
    #[default]
    Ack,
    /// Returns the message to its queue, to be delivered again, up to the runner's
    /// [`max_retries`](crate::RunOptions::max_retries).
    Requeue,
    /// Gives the message up: the runner publishes it as its [dead letter](crate::RunOptions::dead_letter) if it has one;
    /// else it is dropped, or dead-lettered by its queue.
    Reject,
}

impl Outcome {
    pub(super) fn of_negative(requeue: bool) -> Self {
        if requeue { Self::Requeue } else { Self::Reject }
    }

    /// `hopline.messaging.outcome`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Requeue => "requeue",
            Self::Reject => "reject",
        }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Ack
    }
}

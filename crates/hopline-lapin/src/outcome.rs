//! What becomes of a message.

/// What becomes of a message after its handler; `()` is [`Outcome::Ack`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was handled.
    #[default]
    Ack,
    /// It goes back to its queue, to be delivered again, as often as the runner
    /// [allows](crate::RunOptions::max_retries).
    Requeue,
    /// It is given up: handed to where the runner [has it go](crate::RunOptions::dead_letter), else dropped, or
    /// dead-lettered if its queue has an exchange for that.
    Reject,
}

impl Outcome {
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

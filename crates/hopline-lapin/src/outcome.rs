//! What becomes of a message.

/// What becomes of a message after its handler; `()` is [`Outcome::Ack`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was handled.
    #[default]
    Ack,
    /// It goes back to its queue, to be delivered again.
    Requeue,
    /// It is dropped, or dead-lettered if its queue says so.
    Reject,
}

impl Outcome {
    /// The value of `hopline.messaging.outcome`.
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

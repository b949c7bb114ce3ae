//! Messaging operations, as the semantic conventions name them.

/// An operation that has a span. Settling has none: its outcome is an attribute of the process span.
///
/// Each corresponds to one value of `messaging.operation.name`; a batch has that of its single operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `basic.publish`, until its confirm.
    Publish,
    /// Several of them.
    PublishBatch,
    /// A publish and its reply.
    Request,
    /// `basic.get`.
    Receive,
    /// The handler of a message, until it is settled.
    Process,
    /// The handler of a batch.
    ProcessBatch,
}

impl Operation {
    /// The span's name, unless names are those of the conventions. It has few values, so that spans of one operation
    /// are one group in a backend.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::Publish => "publish.message",
            Self::PublishBatch => "publish.batch",
            Self::Request => "request.message",
            Self::Receive => "receive.message",
            Self::Process => "process.message",
            Self::ProcessBatch => "process.batch",
        }
    }

    /// `messaging.operation.name`. The name of the operation in the terms of the client library, and the first word
    /// of a span's name by the conventions.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Publish | Self::PublishBatch => "publish",
            Self::Request => "request",
            Self::Receive => "receive",
            Self::Process | Self::ProcessBatch => "process",
        }
    }

    /// Returns true for processing, of a message or a batch.
    pub(crate) fn is_processing(self) -> bool {
        matches!(self, Self::Process | Self::ProcessBatch)
    }

    /// `messaging.operation.type`, which has a fixed set of values.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Publish | Self::PublishBatch | Self::Request => "send",
            Self::Receive => "receive",
            Self::Process | Self::ProcessBatch => "process",
        }
    }
}

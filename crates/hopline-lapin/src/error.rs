//! What can go wrong.

use std::io;
use std::time::Duration;

use lapin::ErrorKind;

use crate::content::headers::{MAX_DEPTH, MAX_HEADERS};

/// A message that was not taken by the broker, as far as that is known.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It was mandatory, and no queue takes it.
    #[error("the broker returned the message: {code} {text}")]
    #[non_exhaustive]
    Unroutable {
        /// The broker's reply code; 312 where no queue is bound.
        code: u16,
        /// The broker's reason, such as `NO_ROUTE`.
        text: String,
        /// The message's body.
        body: Vec<u8>,
    },
    /// The broker refused it: a full queue, mostly.
    #[error("the broker refused the message")]
    Nacked,
    /// A name is longer than the 255 bytes of the protocol.
    #[error("the {0} is longer than 255 bytes")]
    NameTooLong(&'static str),
    /// Its headers do not fit into a frame; sending them would close the connection.
    #[error("the headers are larger than {MAX_HEADERS} bytes")]
    HeadersTooLarge,
    /// Tables in its headers are nested so deep that clients may not be able to read them: lapin's parser
    /// overflows its stack, which ends the process.
    #[error("the headers nest tables and arrays more than {MAX_DEPTH} levels deep")]
    HeadersTooDeep,
    /// The message to reply to names no queue for replies.
    #[error("the message asks for no reply")]
    NoReplyTo,
    /// The connection was lost, and lapin did not recover it within the channel's
    /// [`recovery_limit`](crate::Channel::recovery_limit); whether the message arrived is not known. lapin may be stuck:
    /// open a new connection.
    #[error("the connection was not recovered within {0:?}")]
    NotRecovered(Duration),
    /// The channel or connection failed; whether the message arrived is not known.
    #[error(transparent)]
    Lapin(#[from] lapin::Error),
}

impl PublishError {
    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Unroutable { .. } => "unroutable".to_owned(),
            Self::Nacked => "nacked".to_owned(),
            Self::NameTooLong(_) => "name_too_long".to_owned(),
            Self::HeadersTooLarge => "headers_too_large".to_owned(),
            Self::HeadersTooDeep => "headers_too_deep".to_owned(),
            Self::NoReplyTo => "no_reply_to".to_owned(),
            Self::NotRecovered(_) => "not_recovered".to_owned(),
            Self::Lapin(error) => error_type(error),
        }
    }
}

/// For functions that return lapin's: what lapin has no kind for is an I/O error, whose source this is.
impl From<PublishError> for lapin::Error {
    fn from(error: PublishError) -> Self {
        let kind = match error {
            PublishError::Lapin(error) => return error,
            PublishError::NotRecovered(_) => io::ErrorKind::TimedOut,
            PublishError::Unroutable { .. } | PublishError::Nacked => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error).into()
    }
}

/// A request that got no answer.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not taken by the broker.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// No reply came in time.
    #[error("no reply came within {0:?}")]
    TimedOut(Duration),
    /// The channel is gone, and the replies that were to come with it.
    #[error("the channel for replies is gone")]
    Closed,
}

impl RequestError {
    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Publish(error) => error.error_type(),
            Self::TimedOut(_) => "timeout".to_owned(),
            Self::Closed => "channel_closed".to_owned(),
        }
    }
}

hopline_core::debug_as_display!(PublishError, RequestError);

/// Of low cardinality.
pub(crate) fn error_type(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.kind().to_string(),
        ErrorKind::IOError(_) => "io".to_owned(),
        ErrorKind::InvalidChannelState(..) => "channel_closed".to_owned(),
        ErrorKind::InvalidConnectionState(_) => "connection_closed".to_owned(),
        ErrorKind::MissingHeartbeatError => "missed_heartbeat".to_owned(),
        _ => "_OTHER".to_owned(),
    }
}

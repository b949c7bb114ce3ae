//! Errors, and their `error.type`.

use std::io;
use std::time::Duration;

use lapin::ErrorKind;

use crate::content::headers::{MAX_DEPTH, MAX_HEADERS};

/// An error of a publish.
///
/// # Examples
///
/// ```
/// use hopline_lapin::PublishError;
///
/// fn worth_a_retry(error: &PublishError) -> bool {
///     error.is_nacked() || error.is_uncertain()
/// }
///
/// assert!(worth_a_retry(&PublishError::Nacked));
/// assert!(!worth_a_retry(&PublishError::NoReplyTo));
/// ```
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message was mandatory, and no queue takes it.
    #[error("the broker returned the message: {code} {text}")]
    #[non_exhaustive]
    Unroutable {
        /// The broker's reply code; 312 if no queue is bound.
        code: u16,
        /// The broker's reason, such as `NO_ROUTE`.
        text: String,
        /// The message's body.
        body: Vec<u8>,
    },
    /// The broker refused the message, mostly because a queue is full.
    #[error("the broker refused the message")]
    Nacked,
    /// A name or text property, which the text names, is longer than AMQP's 255 bytes.
    #[error("the {0} is longer than 255 bytes")]
    NameTooLong(&'static str),
    /// The headers do not fit into a frame: sending them would close the connection.
    #[error("the headers are larger than {MAX_HEADERS} bytes")]
    HeadersTooLarge,
    /// Tables in the headers are nested too deep for clients: lapin's parser overflows its stack, which ends the
    /// process.
    #[error("the headers nest tables and arrays more than {MAX_DEPTH} levels deep")]
    HeadersTooDeep,
    /// The message to reply to has no `reply-to`.
    #[error("the message has no queue for replies")]
    NoReplyTo,
    /// lapin did not recover the connection within the channel's
    /// [`recovery_limit`](crate::Channel::recovery_limit). The message may have arrived. Open a new connection: lapin
    /// may be stuck.
    #[error("the connection was not recovered within {0:?}")]
    NotRecovered(Duration),
    /// The channel or connection failed. The message may have arrived.
    #[error(transparent)]
    Lapin(#[from] lapin::Error),
}

impl PublishError {
    /// Returns true if no queue takes the message.
    pub fn is_unroutable(&self) -> bool {
        matches!(self, Self::Unroutable { .. })
    }

    /// Returns true if the broker refused the message.
    pub fn is_nacked(&self) -> bool {
        matches!(self, Self::Nacked)
    }

    /// Returns true if the message cannot be sent by any channel: names, headers or `reply-to` are invalid.
    pub fn is_invalid(&self) -> bool {
        matches!(
            self,
            Self::NameTooLong(_) | Self::HeadersTooLarge | Self::HeadersTooDeep | Self::NoReplyTo
        )
    }

    /// Returns true if the message may have arrived: its channel or connection failed before the broker's answer.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::NotRecovered(_) | Self::Lapin(_))
    }

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

/// Converts for functions that return lapin's. An error that lapin has no kind for becomes an I/O error with this as its
/// source.
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

/// An error of a [request](crate::Requests::call).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_lapin::{PublishError, RequestError};
///
/// assert!(RequestError::TimedOut(Duration::from_secs(30)).is_timeout());
/// assert!(!RequestError::from(PublishError::Nacked).is_timeout());
/// ```
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// No reply arrived in time.
    #[error("no reply arrived within {0:?}")]
    TimedOut(Duration),
    /// The channel is gone, and with it the reply queue.
    #[error("the channel for replies is gone")]
    Closed,
}

impl RequestError {
    /// Returns true if no reply arrived in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// Returns true if the channel is gone: prepare new [`Requests`](crate::Requests).
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Publish(error) => error.error_type(),
            Self::TimedOut(_) => "timeout".to_owned(),
            Self::Closed => "channel_closed".to_owned(),
        }
    }
}

hopline_core::debug_as_display!(PublishError, RequestError);

/// Returns an `error.type` for lapin's errors, of a fixed set of values.
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

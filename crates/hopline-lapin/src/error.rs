//! What can go wrong.

use lapin::ErrorKind;

/// A message that was not taken by the broker, as far as that is known.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It was mandatory, and no queue wanted it.
    #[error("the message was returned: no queue is bound for it")]
    Unroutable,
    /// The broker refused it: a full queue, mostly.
    #[error("the broker refused the message")]
    Nacked,
    /// A name is longer than the 255 bytes of the protocol.
    #[error("the {0} is longer than 255 bytes")]
    NameTooLong(&'static str),
    /// The channel or connection failed; whether the message arrived is not known.
    #[error(transparent)]
    Lapin(#[from] lapin::Error),
}

impl PublishError {
    pub(crate) fn error_type(&self) -> String {
        match self {
            Self::Unroutable => "unroutable".to_owned(),
            Self::Nacked => "nacked".to_owned(),
            Self::NameTooLong(_) => "name_too_long".to_owned(),
            Self::Lapin(error) => error_type(error),
        }
    }
}

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

//! The reasons for the end of a connection.
//! The handlers of methods return one, and `connection` answers with it.

/// The reason for the end of a connection.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it.
    Closed,
    /// The client violated the protocol: sent with this code and text.
    Error(u16, String),
}

impl End {
    /// The end by a method that this broker lacks: RabbitMQ closes the connection with 540.
    pub(super) fn not_implemented() -> Self {
        Self::Error(
            540,
            "NOT_IMPLEMENTED - not implemented by this broker".to_owned(),
        )
    }
}

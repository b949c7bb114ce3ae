//! The connections of a pool that still write sqlx's own log events.

use std::time::Instant;

/// The connections that still write sqlx's own log events, with the raw text of statements.
///
/// A traced pool disables these events for the connections that it opens. A connection that was open before cannot be
/// reconfigured; its events are suppressed while they are written (see `log/quiet.rs`).
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawEvents {
    /// None: all connections were opened by a traced pool.
    Never,
    /// Connections that were open before. The pool has replaced all of them by this time.
    Until(Instant),
    /// All connections.
    Always,
}

impl RawEvents {
    /// Returns true if a statement that begins at `begun` may write such an event.
    pub(crate) fn may_occur(self, begun: Instant) -> bool {
        match self {
            Self::Never => false,
            Self::Until(end) => begun < end,
            Self::Always => true,
        }
    }
}

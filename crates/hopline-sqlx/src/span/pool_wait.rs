//! The time that a statement or a step waits for a connection, recorded as `hopline.db.pool_wait_ms`.
//!
//! ```text
//! None ──first poll──▶ Since(age of the span) ──connection or error──▶ Ended(duration)
//!   │                          │                                          │
//!   └─ no attribute            └─ dropped: the time so far                └─ the duration
//! ```
//!
//! Times are read from the span's clock, so that a span for the wait lies exactly within that of the statement.

use std::time::Duration;

use hopline_core::Span;

/// The attribute of a wait, in milliseconds.
pub(super) const POOL_WAIT: &str = "hopline.db.pool_wait_ms";

/// The measured time. A field of each guard.
#[derive(Clone, Copy)]
pub(super) enum WaitTime {
    /// The statement does not wait.
    None,
    /// The wait began when the span had this age.
    Since(Duration),
    /// The wait took this long.
    Ended(Duration),
}

impl WaitTime {
    /// The time so far, if the wait is not over or was cancelled.
    fn elapsed(self, span: &Span) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Since(begun) => Some(span.context_ref().elapsed()?.saturating_sub(begun)),
            Self::Ended(wait) => Some(wait),
        }
    }

    /// The value of the attribute. None for a connection that was not acquired by the call, and an unrecorded span.
    pub(super) fn millis(self, span: &Span) -> Option<f64> {
        Some(self.elapsed(span)?.as_secs_f64() * 1e3)
    }
}

/// A wait in progress. Borrows the span of the guard that waits.
pub(crate) struct PoolWait<'a> {
    span: &'a Span,
    time: &'a mut WaitTime,
}

impl<'a> PoolWait<'a> {
    /// Begins now: the time between the creation and the first poll of a call is no wait.
    pub(super) fn new(span: &'a Span, time: &'a mut WaitTime) -> Self {
        if span.is_recording()
            && let Some(begun) = span.context_ref().elapsed()
        {
            *time = WaitTime::Since(begun);
        }
        Self { span, time }
    }

    /// Ends the wait. Returns its duration and the waiting span, if that is recorded.
    pub(crate) fn end(self) -> Option<(&'a Span, Duration)> {
        let wait = self.time.elapsed(self.span)?;
        *self.time = WaitTime::Ended(wait);
        Some((self.span, wait))
    }
}

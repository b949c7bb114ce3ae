//! Outages: the time in which the collector accepts no request.
//!
//! The worker holds one value for as long as it runs, and passes it the outcome of each attempt. There is one notice at
//! the start of an outage and one at its end, however many attempts fail between.

#[cfg(feature = "spool")]
use std::time::Duration;

use hopline_core::notify;
use tokio::time::Instant;

use super::reply::RetryCause;
#[cfg(feature = "spool")]
use super::retry::Retry;
#[cfg(feature = "spool")]
use super::time_limit::instant_after;

/// The current outage, if there is one, and the connections that broke in a row.
///
/// ```text
/// reachable ──begin()──▶ outage: one notice ──end()──▶ reachable: one notice with the duration
/// ```
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// The start of the outage; `None` outside of one.
    since: Option<Instant>,
    /// Attempts in a row with a broken connection.
    broken: u32,
    /// The end of the pause in which nothing is sent, since spans are safe on disk.
    #[cfg(feature = "spool")]
    until: Option<Instant>,
    #[cfg(feature = "spool")]
    retry: Option<Retry>,
}

/// The number of broken connections in a row after which a large request is halved: fewer are common during a restart of
/// the collector.
const BREAKS: u32 = 3;

/// The size in bytes from which a request may be the reason for a broken connection: a smaller one is in the sockets'
/// buffers before the server can respond to its size.
pub(super) const LARGE: usize = 64 * 1024;

impl Outage {
    /// Starts the outage, with a notice of `failure`; no effect during an outage.
    pub(super) fn begin(&mut self, failure: impl FnOnce() -> String) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            notify("otlp-unreachable", || {
                format!("{}; trying again", failure())
            });
        }
    }

    /// Counts a failed attempt; true if enough connections in a row broke to suspect the request's size.
    pub(super) fn is_breaking(&mut self, cause: RetryCause) -> bool {
        self.broken = match cause {
            RetryCause::ConnectionBroken => self.broken + 1,
            _ => 0,
        };
        self.broken >= BREAKS
    }

    /// Starts the count of broken connections anew: the request was made smaller, and gets as many attempts as the larger
    /// one.
    pub(super) fn reset_breaks(&mut self) {
        self.broken = 0;
    }

    /// Ends the outage, with a notice of its duration; no effect outside of one.
    pub(super) fn end(&mut self) {
        if let Some(since) = std::mem::take(self).since {
            notify("otlp-reachable", || {
                format!("the collector answers again after {:.1?}", since.elapsed())
            });
        }
    }
}

#[cfg(feature = "spool")]
impl Outage {
    /// True during the pause after a failed attempt; new requests are written to disk without an attempt meanwhile.
    pub(super) fn is_pausing(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Starts a pause; they double over the whole outage, without a time at which it gives up: the disk holds the spans.
    pub(super) fn pause(&mut self, asked: Option<Duration>) {
        let retry = self.retry.get_or_insert_with(|| Retry::new(Duration::MAX));
        self.until = Some(instant_after(retry.pause(asked).unwrap_or_default()));
    }
}

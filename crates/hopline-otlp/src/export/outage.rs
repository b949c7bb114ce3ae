//! A time in which the collector takes nothing.

#[cfg(feature = "spool")]
use std::time::Duration;

use hopline_core::notify;
use tokio::time::Instant;

#[cfg(feature = "spool")]
use super::patience::far_enough;
#[cfg(feature = "spool")]
use super::retry::Retry;
use super::transport::Cause;

/// A time in which the collector takes nothing; there is a notice at its start and at its end.
#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Instant>,
    /// Attempts in a row whose connection broke.
    broken: u32,
    /// Until when nothing is tried, where spans are safe on disk meanwhile.
    #[cfg(feature = "spool")]
    until: Option<Instant>,
    #[cfg(feature = "spool")]
    retry: Option<Retry>,
}

/// The number of broken connections after which a large request is halved.
const BREAKS: u32 = 3;

/// From how many bytes on a request may be the reason for a broken connection: smaller ones are in the buffers of sockets
/// before the answer comes.
pub(super) const LARGE: usize = 64 * 1024;

impl Outage {
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            notify("otlp-unreachable", || format!("{}; trying again", what()));
        }
    }

    /// Counts an attempt; true if enough in a row broke to think that the request is the reason.
    pub(super) fn breaks(&mut self, cause: Cause) -> bool {
        self.broken = match cause {
            Cause::Broken => self.broken + 1,
            _ => 0,
        };
        self.broken >= BREAKS
    }

    pub(super) fn unbroken(&mut self) {
        self.broken = 0;
    }

    pub(super) fn over(&mut self) {
        if let Some(since) = std::mem::take(self).since {
            notify("otlp-reachable", || {
                format!("the collector answers again after {:.1?}", since.elapsed())
            });
        }
    }
}

#[cfg(feature = "spool")]
impl Outage {
    pub(super) fn is_pausing(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Doubling over the whole outage, for which no end is set.
    pub(super) fn pause(&mut self, asked: Option<Duration>) {
        let retry = self.retry.get_or_insert_with(|| Retry::new(Duration::MAX));
        self.until = Some(far_enough(retry.pause(asked).unwrap_or_default()));
    }
}

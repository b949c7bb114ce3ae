//! How handlers are run.

use std::io;
use std::time::Duration;

use crate::outcome::Outcome;

/// How handlers are run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_lapin::{Outcome, RunOptions};
///
/// let options = RunOptions::default()
///     .concurrency(4)
///     .timeout(Duration::from_secs(30))
///     .on_error(Outcome::Requeue)
///     .max_retries(3)
///     .dead_letter("", "orders.failed");
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they are given to `run`"]
pub struct RunOptions {
    pub(crate) concurrency: usize,
    pub(crate) on_error: Outcome,
    pub(crate) on_panic: Outcome,
    pub(crate) timeout: Option<Duration>,
    pub(crate) drain: Duration,
    pub(crate) max_retries: Option<u64>,
    pub(crate) dead_letter: Option<(String, String)>,
}

impl RunOptions {
    /// How many messages (or batches) are handled at once; 16 if not said. The channel's prefetch should be as many
    /// at least.
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages.max(1);
        self
    }

    /// What becomes of a message whose handler fails or takes too long; it is rejected, if not said.
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.on_error = outcome;
        self
    }

    /// What becomes of a message whose handler panics; it is rejected, if not said.
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.on_panic = outcome;
        self
    }

    /// How long a handler may take; as long as it wants, if not said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// How long to wait at the end for handlers that run; 30 seconds if not said. What they have not settled
    /// then is delivered again.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// How often a message is requeued before it is given up as if it were rejected; without end, if not said.
    ///
    /// Quorum queues count by themselves. For others, which say no more than that a message came before, the runner
    /// from the second time on publishes it to its queue again, with the count in its header `hopline-retry-count`,
    /// and acknowledges the first one: it then stands behind the messages that wait. Confirms are turned on for this.
    pub fn max_retries(mut self, retries: u64) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Where messages go that are given up, instead of being rejected: published, confirmed, then acknowledged.
    ///
    /// With the headers `hopline-dead-letter-reason` (the span's `error.type`, or `rejected`) and
    /// `hopline-dead-letter-queue`. One that cannot be handed over is requeued after a second. Confirms are turned on
    /// for this. The runner refuses to start with a name that is longer than 255 bytes.
    pub fn dead_letter(mut self, exchange: &str, key: &str) -> Self {
        self.dead_letter = Some((exchange.to_owned(), key.to_owned()));
        self
    }

    /// An error for names that no message could be published to.
    pub(crate) fn check(&self) -> lapin::Result<()> {
        let names = self.dead_letter.as_ref();
        if names.is_some_and(|(exchange, key)| exchange.len().max(key.len()) > 255) {
            let text = "the exchange or routing key for dead letters is longer than 255 bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
        }
        Ok(())
    }

    /// Whether the runner publishes by itself.
    pub(crate) fn publishes(&self) -> bool {
        self.max_retries.is_some() || self.dead_letter.is_some()
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        let (on_error, on_panic) = (Outcome::Reject, Outcome::Reject);
        Self {
            concurrency: 16,
            on_error,
            on_panic,
            timeout: None,
            drain: Duration::from_secs(30),
            max_retries: None,
            dead_letter: None,
        }
    }
}

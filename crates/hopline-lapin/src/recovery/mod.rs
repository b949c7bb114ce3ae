//! Bounded waits for lapin's recovery of a lost connection.
//!
//! Publishing, the runner and requests wait here. Time limits need tokio's clock: without it each wait lasts as long as
//! lapin's own.
//!
//! lapin completes the futures of a lost connection when it has another one. It does not report that it gave up, and may
//! be stuck in recovery, so the state of the channel is checked at intervals: by one timer for all publishes
//! (`waiters.rs`), and by one for each runner.

mod waiters;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::error::PublishError;
use waiters::check_interval;
pub(crate) use waiters::{Waiter, Waiters};

/// Default limit: longer than a broker's restart and lapin's first attempts.
const DEFAULT_LIMIT: Duration = Duration::from_secs(120);
/// Interval of checks whether lapin gave up, for which it has no event.
const GIVEN_UP_EVERY: Duration = Duration::from_millis(200);

/// The waits for a channel's recovery. Clones share one timer, and each has its own limit.
#[derive(Clone, Debug)]
pub(crate) struct Recovery(Waiters);

impl Recovery {
    /// Creates the waits of a channel, with the default limit. Starts no task: the timer starts with the first wait.
    pub(crate) fn new(channel: &lapin::Channel) -> Self {
        Self(Waiters::new(channel.status().clone(), DEFAULT_LIMIT))
    }

    /// Sets the limit of later waits. The timer keeps its interval.
    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.0.limit = limit;
    }

    /// A place among the waiters for a future that outlives this.
    pub(crate) fn waiter(&self) -> Waiter<Waiters> {
        Waiter::new(self.0.clone())
    }

    /// Awaits `work`, which needs no tokio if it is ready before the limit.
    ///
    /// # Errors
    ///
    /// The channel had no connection for longer than the limit.
    pub(crate) async fn over<T>(&self, work: impl Future<Output = T>) -> Result<T, PublishError> {
        let mut work = pin!(work);
        let mut waiter = Waiter::new(&self.0);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => waiter.poll_overdue(cx).map(Err),
        })
        .await
    }

    /// Ready when lapin has recovered `channel`.
    ///
    /// Polls lapin first: an error that cannot be recovered from is returned at once.
    ///
    /// # Errors
    ///
    /// `error` itself if it cannot be recovered from, or lapin gave up; [`PublishError::NotRecovered`] after the limit.
    pub(crate) async fn wait(
        &self,
        channel: &lapin::Channel,
        error: lapin::Error,
    ) -> Result<(), PublishError> {
        let recovered = channel.wait_for_recovery(error.clone());
        if Handle::try_current().is_err() {
            return Ok(recovered.await?);
        }
        let given_up = async {
            while self.0.status.reconnecting() || self.0.status.connected() {
                tokio::time::sleep(GIVEN_UP_EVERY).await;
            }
        };
        tokio::select! {
            biased;
            recovered = recovered => Ok(recovered?),
            () = given_up => Err(error.into()),
            overdue = self.overdue() => Err(overdue),
        }
    }

    /// Pends while the channel has a connection, so a runner polls it beside its messages.
    ///
    /// Ready once the channel had no connection for longer than the limit; never without tokio.
    ///
    /// lapin may be stuck then: it does not retry in each case when a connection breaks during a write or a reconnect.
    pub(crate) async fn overdue(&self) -> PublishError {
        if Handle::try_current().is_err() {
            return std::future::pending().await;
        }
        let interval = check_interval(self.0.limit);
        let mut since = Instant::now();
        loop {
            if !self.0.status.reconnecting() {
                since = Instant::now();
            } else if since.elapsed() >= self.0.limit {
                return PublishError::NotRecovered(self.0.limit);
            }
            tokio::time::sleep(interval).await;
        }
    }
}

/// For calls that cannot do without: a missing runtime would panic at the first message otherwise.
///
/// Returns an error if there is no tokio runtime, whose tasks and clock `what` needs.
pub(crate) fn needs_tokio(what: &str) -> lapin::Result<()> {
    if Handle::try_current().is_ok() {
        return Ok(());
    }
    let text = format!(
        "{what} needs a tokio runtime, and there is none here: call it from one, or use the consumer as a stream"
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, text).into())
}

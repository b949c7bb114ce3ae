//! The source of a pool's connections, for calls that outlive the borrow of the pool.
//!
//! The future of a call is `'static` where sqlx's is, so it holds clones instead of a reference.

use sqlx::Error;
use sqlx::pool::PoolConnection;

use crate::database::TracedDatabase;
use crate::span::{PoolWait, Spans, fail};

/// The part of a pool that a call keeps until it has a connection.
pub(super) struct ConnectionSource<DB: TracedDatabase> {
    pub(super) pool: sqlx::Pool<DB>,
    /// Present if waits may be spans.
    pub(super) spans: Option<Spans>,
}

impl<DB: TracedDatabase> ConnectionSource<DB> {
    /// Acquires a connection, and records the wait on the waiting span.
    ///
    /// # Cancellation
    ///
    /// The waiting span records the time so far.
    pub(super) async fn acquire(&self, wait: PoolWait<'_>) -> Result<PoolConnection<DB>, Error> {
        let acquired = self.pool.acquire().await;
        if let Some((waiting, duration)) = wait.end()
            && let Some(spans) = &self.spans
            && let Some(span) = spans.wait(waiting.context_ref(), duration)
            && let Err(error) = &acquired
        {
            fail::<DB>(&span, error);
        }
        acquired
    }
}

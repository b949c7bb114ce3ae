//! The source of a pool's connections, for calls that outlive the borrow of the pool.
//!
//! The future of a call is `'static` where sqlx's is, so it holds clones instead of a reference.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Error};

use crate::database::TracedDatabase;
use crate::span::{PoolWait, Spans, fail_span};
use crate::traced::pool_metrics::{Lease, PoolCounts};

/// The part of a pool that a call keeps until it has a connection.
pub(super) struct ConnectionSource<DB: TracedDatabase> {
    pub(super) pool: sqlx::Pool<DB>,
    /// Present if waits may be spans.
    pub(super) spans: Option<Spans>,
    /// Present if the pool has a meter.
    pub(super) counts: Option<Arc<PoolCounts>>,
}

/// A connection of the pool, with the measurement of its use.
pub(super) struct Leased<DB: Database> {
    /// Returns to the pool first.
    connection: PoolConnection<DB>,
    lease: Lease,
}

impl<DB: Database> Leased<DB> {
    pub(super) fn new(connection: PoolConnection<DB>, lease: Lease) -> Self {
        Self { connection, lease }
    }

    pub(super) fn into_parts(self) -> (PoolConnection<DB>, Lease) {
        (self.connection, self.lease)
    }
}

impl<DB: Database> Deref for Leased<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Leased<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: TracedDatabase> ConnectionSource<DB> {
    /// Acquires a connection, and records the wait on the waiting span.
    ///
    /// # Cancellation
    ///
    /// The waiting span records the time so far. The metrics of the pool count no wait.
    pub(super) async fn acquire(&self, wait: PoolWait<'_>) -> Result<Leased<DB>, Error> {
        let pending = self.counts.as_ref().map(PoolCounts::waiting);
        let acquired = self.pool.acquire().await;
        let lease = pending.map_or(Lease::NONE, |pending| pending.end(acquired.as_ref().err()));
        if let Some((waiting, duration)) = wait.end()
            && let Some(spans) = &self.spans
            && let Some(span) = spans.wait(waiting.context_ref(), duration)
            && let Err(error) = &acquired
        {
            fail_span::<DB>(&span, error);
        }
        Ok(Leased::new(acquired?, lease))
    }
}

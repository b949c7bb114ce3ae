//! Where connections come from.

use std::sync::Arc;

use sqlx::Error;
use sqlx::pool::PoolConnection;

use crate::database::TracedDatabase;
use crate::settings::Settings;
use crate::wait::Wait;

/// Where a call gets its connection from.
pub(crate) struct Source<DB: TracedDatabase> {
    pub(crate) pool: sqlx::Pool<DB>,
    /// Where waits may become spans.
    pub(crate) settings: Option<Arc<Settings>>,
}

impl<DB: TracedDatabase> Source<DB> {
    /// Takes a connection, and records on the span that waits how long it took.
    pub(crate) async fn acquire(&self, wait: Wait<'_>) -> Result<PoolConnection<DB>, Error> {
        let connection = self.pool.acquire().await;
        wait.over::<DB, _>(self.settings.as_deref(), &connection);
        connection
    }
}

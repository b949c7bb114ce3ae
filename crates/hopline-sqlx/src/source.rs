//! Where connections come from.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use sqlx::Error;
use sqlx::pool::PoolConnection;

use crate::database::TracedDatabase;
use crate::settings::Settings;
use crate::wait::Wait;

/// Where a call gets its connection from.
pub(crate) struct Source<DB: TracedDatabase> {
    pub(crate) pool: sqlx::Pool<DB>,
    /// How many connections are open that log raw text.
    pub(crate) loud: Option<Arc<AtomicU32>>,
    /// Where waits may become spans.
    pub(crate) settings: Option<Arc<Settings>>,
}

impl<DB: TracedDatabase> Source<DB> {
    /// A connection; how long it took to get it is said of the span that waits.
    pub(crate) async fn acquire(&self, wait: Wait<'_>) -> Result<PoolConnection<DB>, Error> {
        if let Some(loud) = &self.loud {
            self.close_loud(loud).await;
        }
        let connection = self.pool.acquire().await;
        wait.over::<DB, _>(self.settings.as_deref(), &connection);
        connection
    }

    /// Closes the connections that were opened before sqlx's events were turned off. They have 20 ms to come back
    /// from what they do; one that is longer in use is left.
    ///
    /// They are closed in tasks of the pool's own, which it waits for with its limit of connections. If it is dropped
    /// on the way, the next call goes on.
    async fn close_loud(&self, loud: &AtomicU32) {
        for _ in 0..20 {
            while loud.load(Relaxed) > 0
                && let Some(mut idle) = self.pool.try_acquire()
            {
                let one_less = loud.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
                if one_less.is_ok() {
                    idle.close_on_drop();
                }
            }
            if loud.load(Relaxed) == 0 {
                return;
            }
            sqlx_core::rt::sleep(Duration::from_millis(1)).await;
        }
        loud.store(0, Relaxed);
    }
}

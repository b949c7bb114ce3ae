//! A connection of a pool.

use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::{Database, Error};

use crate::database::TracedDatabase;
use crate::span::Notes;
use crate::traced::connection::Connection;
use crate::traced::executor::impl_executor;

/// A connection of a pool, with a span for each statement. Returns to the pool on drop.
///
/// Derefs to [`Connection`], as sqlx's derefs to the driver's: `&mut *connection` and `&mut connection` are executors, and
/// functions that take `&mut Connection<'_, DB>` accept both.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::{Connection, SqlitePool};
/// use sqlx::Sqlite;
///
/// async fn one(db: &mut Connection<'_, Sqlite>) -> Result<i64, sqlx::Error> {
///     sqlx::query_scalar("SELECT 1").fetch_one(&mut *db).await
/// }
///
/// let pool = SqlitePool::connect("sqlite::memory:").await?;
/// let mut connection = pool.acquire().await?;
/// sqlx::query("SELECT 1").execute(&mut *connection).await?;
/// assert_eq!(one(&mut connection).await?, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct PoolConnection<DB: Database> {
    connection: Connection<'static, DB>,
}

impl<DB: Database> PoolConnection<DB> {
    pub(super) fn new(connection: Connection<'static, DB>) -> Self {
        Self { connection }
    }
}

impl<DB: TracedDatabase> PoolConnection<DB> {
    /// Closes the connection. The pool may open another one.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn close(self) -> Result<(), Error> {
        self.connection.close().await
    }

    /// Closes the connection on drop, instead of returning it to the pool.
    pub fn close_on_drop(&mut self) {
        if let Some(pooled) = self.connection.pooled_mut() {
            pooled.close_on_drop();
        }
    }

    /// Detaches the connection from the pool, which may open another one. It stays traced.
    #[must_use = "a connection that is dropped is closed"]
    pub fn detach(self) -> Connection<'static, DB> {
        self.connection.detach()
    }

    /// Detaches the connection from the pool, which counts it as in use for ever. It stays traced.
    #[must_use = "a connection that is dropped is closed"]
    pub fn leak(self) -> Connection<'static, DB> {
        self.connection.leak()
    }

    /// Returns the connection to the pool, without the task that its drop would spawn. It must not be used afterwards.
    ///
    /// # Cancellation
    ///
    /// The connection is closed.
    pub fn return_to_pool(&mut self) -> impl Future<Output = ()> + Send + 'static + use<DB> {
        let returned = self
            .connection
            .pooled_mut()
            .map(|pooled| pooled.return_to_pool());
        let lease = self.connection.take_lease();
        async move {
            if let Some(returned) = returned {
                returned.await;
            }
            drop(lease);
        }
    }
}

impl<DB: Database> Deref for PoolConnection<DB> {
    type Target = Connection<'static, DB>;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for PoolConnection<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: Database> AsRef<Connection<'static, DB>> for PoolConnection<DB> {
    fn as_ref(&self) -> &Connection<'static, DB> {
        self
    }
}

impl<DB: Database> AsMut<Connection<'static, DB>> for PoolConnection<DB> {
    fn as_mut(&mut self) -> &mut Connection<'static, DB> {
        self
    }
}

impl<DB: Database> fmt::Debug for PoolConnection<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolConnection")
            .field("connection", &self.connection)
            .finish()
    }
}

impl_executor!(&'c mut PoolConnection<DB>, |pooled| (
    pooled.connection,
    Notes::default()
));

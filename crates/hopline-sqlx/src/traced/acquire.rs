//! `Acquire`, for functions that take a pool, a connection or a transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_core::future::BoxFuture;
use sqlx::{Database, Error};

use crate::database::TracedDatabase;
use crate::span::Notes;
use crate::traced::connection::Connection;
use crate::traced::executor::impl_executor;
use crate::traced::pool::Pool;
use crate::traced::pool_connection::PoolConnection;
use crate::traced::transaction::Transaction;

/// Acquires a connection from a pool, a connection or a transaction, or begins a transaction there.
///
/// Replaces [`sqlx::Acquire`] in the signatures of repository functions. Their bodies stay as they are.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::{Acquire, SqlitePool};
/// use sqlx::Sqlite;
///
/// async fn count(db: impl Acquire<'_, Database = Sqlite>) -> Result<i64, sqlx::Error> {
///     let mut connection = db.acquire().await?;
///     sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *connection).await
/// }
///
/// let pool = SqlitePool::connect("sqlite::memory:").await?;
/// assert_eq!(count(&pool).await?, 0);
/// let mut tx = pool.begin().await?;
/// assert_eq!(count(&mut tx).await?, 0);
/// assert_eq!(count(&mut *tx).await?, 0);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not traced by hopline, so no connection can be acquired from it",
    label = "expected a pool, connection or transaction of `hopline::sqlx`",
    note = "pass `&pool`, `&mut connection` or `&mut tx`; convert a pool of sqlx 0.9 with `.traced()`"
)]
pub trait Acquire<'c>: Sized {
    /// The database product.
    type Database: TracedDatabase;

    /// The acquired connection. Derefs to [`Connection`], so that `&mut *connection` is an executor.
    type Connection: DerefMut<Target = Connection<'c, Self::Database>> + Send;

    /// Acquires a connection. A pool waits until one is available.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>>;

    /// Begins a transaction, or a savepoint inside a transaction.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    fn begin(self) -> BoxFuture<'c, Result<Transaction<'c, Self::Database>, Error>>;
}

/// An acquired connection, returned by [`Acquire::acquire`].
///
/// Derefs to [`Connection`]. One from a pool returns to it on drop.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::Acquire;
///
/// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// let mut acquired = Acquire::acquire(&pool).await?;
/// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut *acquired).await?;
/// assert_eq!(one, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct Acquired<'c, DB: Database> {
    connection: Connection<'c, DB>,
}

impl<'c, DB: Database> Deref for Acquired<'c, DB> {
    type Target = Connection<'c, DB>;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Acquired<'_, DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: Database> fmt::Debug for Acquired<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquired")
            .field("connection", &self.connection)
            .finish()
    }
}

impl_executor!(&'c mut Acquired<'_, DB>, |acquired| (
    acquired.connection,
    Notes::default()
));

impl<'c, DB: TracedDatabase> Acquire<'c> for &'_ Pool<DB> {
    type Database = DB;
    type Connection = Acquired<'c, DB>;

    fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>> {
        let acquired = self.take();
        Box::pin(async {
            let connection = acquired.await?;
            Ok(Acquired { connection })
        })
    }

    fn begin(self) -> BoxFuture<'c, Result<Transaction<'c, DB>, Error>> {
        let pool = self.clone();
        Box::pin(async move { pool.begin().await })
    }
}

impl<'c, DB: TracedDatabase> Acquire<'c> for &'c mut Connection<'_, DB> {
    type Database = DB;
    type Connection = Acquired<'c, DB>;

    fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>> {
        let connection = self.reborrow();
        Box::pin(async { Ok(Acquired { connection }) })
    }

    fn begin(self) -> BoxFuture<'c, Result<Transaction<'c, DB>, Error>> {
        Box::pin(Connection::begin(self))
    }
}

/// Implements `Acquire` for types that deref to a connection.
macro_rules! acquire_from_connection {
    ($($place:ty),*) => {$(
        impl<'c, DB: TracedDatabase> Acquire<'c> for &'c mut $place {
            type Database = DB;
            type Connection = Acquired<'c, DB>;

            fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>> {
                Acquire::acquire(&mut **self)
            }

            fn begin(self) -> BoxFuture<'c, Result<Transaction<'c, DB>, Error>> {
                Acquire::begin(&mut **self)
            }
        }
    )*};
}

acquire_from_connection!(Acquired<'_, DB>, PoolConnection<DB>, Transaction<'_, DB>);

//! Functions that take a pool, a connection or a transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_core::future::BoxFuture;
use sqlx::{Database, Error};

use crate::annotated::Notes;
use crate::connection::Connection;
use crate::database::TracedDatabase;
use crate::executor::impl_executor;
use crate::pool::Pool;
use crate::pool_connection::PoolConnection;
use crate::transaction::Transaction;

/// Takes a connection from a pool, a connection or a transaction alike, or begins a transaction there.
///
/// It replaces [`sqlx::Acquire`] in the signatures of repository functions, which stay as they are otherwise.
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
    message = "`{Self}` is not traced by hopline, so it cannot be acquired from",
    label = "expected a pool, connection or transaction of `hopline::sqlx`",
    note = "give `&pool`, `&mut connection` or `&mut tx`; make a pool of sqlx 0.9 one of hopline by `.traced()`"
)]
pub trait Acquire<'c>: Sized {
    /// The database product.
    type Database: TracedDatabase;

    /// Derefs to the connection, so that `&mut *connection` is an executor.
    type Connection: DerefMut<Target = Connection<'c, Self::Database>> + Send;

    /// Takes a connection; of a pool, waits for one.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>>;

    /// Begins a transaction; inside of one, a savepoint.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    fn begin(self) -> BoxFuture<'c, Result<Transaction<'c, Self::Database>, Error>>;
}

/// A connection that was acquired: of a pool, to which it returns when it is dropped, or borrowed.
///
/// Derefs to [`Connection`].
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

/// Those that deref to a connection.
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

/// A database whose connections sqlx may hand out untraced. There is none: the compiler's message is the purpose.
#[diagnostic::on_unimplemented(
    message = "sqlx would use an untraced connection here",
    label = "this is a pool, connection or transaction of `hopline::sqlx`",
    note = "migrations: `pool.migrate(&sqlx::migrate!()).await` has a span for each (feature `sqlx-migrate`)",
    note = "functions of your own: take `impl hopline::sqlx::Acquire<'_>` instead of `impl sqlx::Acquire<'_>`",
    note = "others: give them sqlx's own by `pool.raw()` or `connection.raw_mut()`, which is not traced"
)]
pub trait Untraced {}

/// The driver's own connection, where a database is [`Untraced`]: advisory locks take it.
#[cfg(feature = "postgres")]
macro_rules! refuse_raw_connection {
    ($connection:ty; $($place:ty),*) => {$(
        impl<DB> AsMut<$connection> for $place
        where
            DB: TracedDatabase<Connection = $connection> + Untraced,
        {
            fn as_mut(&mut self) -> &mut $connection {
                self.raw_mut()
            }
        }
    )*};
}

#[cfg(feature = "postgres")]
refuse_raw_connection!(sqlx::PgConnection; PoolConnection<DB>, Transaction<'_, DB>);

/// sqlx's `Acquire`, where a database is [`Untraced`].
macro_rules! refuse_acquire {
    ($($lifetime:lifetime)? $place:ty, $connection:ty, |$this:ident| $acquire:expr, $begin:expr) => {
        impl<'c, DB: TracedDatabase + Untraced> sqlx::Acquire<'c> for $place {
            type Database = DB;
            type Connection = $connection;

            fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>> {
                let $this = self;
                $acquire
            }

            fn begin(self) -> BoxFuture<'c, Result<sqlx::Transaction<'c, DB>, Error>> {
                let $this = self;
                $begin
            }
        }
    };
}

refuse_acquire!(
    &'_ Pool<DB>,
    sqlx::pool::PoolConnection<DB>,
    |pool| sqlx::Acquire::acquire(pool.raw()),
    sqlx::Acquire::begin(pool.raw())
);
refuse_acquire!(
    &'c mut Connection<'_, DB>,
    &'c mut DB::Connection,
    |connection| Box::pin(async { Ok(connection.raw_mut()) }),
    sqlx::Transaction::begin(connection.raw_mut(), None)
);
refuse_acquire!(
    &'c mut PoolConnection<DB>,
    &'c mut DB::Connection,
    |pooled| sqlx::Acquire::acquire(&mut **pooled),
    sqlx::Acquire::begin(&mut **pooled)
);
refuse_acquire!(
    &'c mut Transaction<'_, DB>,
    &'c mut DB::Connection,
    |transaction| sqlx::Acquire::acquire(&mut **transaction),
    sqlx::Acquire::begin(&mut **transaction)
);

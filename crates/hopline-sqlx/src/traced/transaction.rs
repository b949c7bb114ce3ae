//! Transactions and savepoints.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_core::future::BoxFuture;
use hopline_core::Context;
use sqlx::{Connection as _, Database, Error, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use crate::database::TracedDatabase;
use crate::span::{Control, Notes, Spans, StepSpan};
use crate::traced::connection::Connection;
use crate::traced::executor::impl_executor;
use crate::traced::pool_metrics::Lease;

/// A transaction or a savepoint, with a span for each statement.
///
/// Derefs to [`Connection`], whose [`begin`](Connection::begin) sets a savepoint here.
///
/// # Cancellation
///
/// If it is dropped without [`commit`](Transaction::commit), sqlx rolls it back before the connection's next use, and the
/// current span records an event `transaction dropped`.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::SqlitePool;
///
/// let (tracer, spans) = hopline_testing::tracer("orders");
/// let pool = SqlitePool::connect("sqlite::memory:").await?.tracer(tracer);
/// let mut tx = pool.begin().await?;
/// sqlx::query("SELECT 1").execute(&mut *tx).await?;
/// tx.begin().await?.rollback().await?;
/// tx.commit().await?;
/// let names: Vec<String> = spans.all().into_iter().map(|span| span.name).collect();
/// assert_eq!(names, ["db.begin", "db.query", "db.savepoint", "db.rollback_to", "db.commit"]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct Transaction<'c, DB: Database> {
    connection: Connection<'c, DB>,
    nested: bool,
    open: Open,
}

/// Records the event of a transaction that is dropped without commit or rollback. A separate type, since a type with `Drop`
/// cannot be destructured. Never blocks.
struct Open(bool);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0 {
            Context::current().event("transaction dropped", || []);
        }
    }
}

impl<'c, DB: TracedDatabase> Transaction<'c, DB> {
    pub(super) fn new(inner: sqlx::Transaction<'c, DB>, spans: Spans, lease: Lease) -> Self {
        let nested = DB::TransactionManager::get_transaction_depth(&inner) > 1;
        Self {
            connection: Connection::in_transaction(inner, spans, lease),
            nested,
            open: Open(true),
        }
    }

    /// Commits the transaction, or releases the savepoint.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    ///
    /// # Cancellation
    ///
    /// The transaction may or may not be committed. The span ends as not completed.
    pub async fn commit(self) -> Result<(), Error> {
        let span = self.end(Control::COMMIT, Control::RELEASE);
        let Some((inner, _lease)) = self.into_inner() else {
            return Ok(());
        };
        span.run::<DB, _>(inner.commit()).await
    }

    /// Rolls the transaction back, or everything since the savepoint.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn rollback(self) -> Result<(), Error> {
        let span = self.end(Control::ROLLBACK, Control::ROLLBACK_TO);
        let Some((inner, _lease)) = self.into_inner() else {
            return Ok(());
        };
        span.run::<DB, _>(inner.rollback()).await
    }

    fn end(&self, outer: Control, nested: Control) -> StepSpan {
        let control = if self.nested { nested } else { outer };
        self.connection.spans().control(control)
    }

    fn into_inner(self) -> Option<(sqlx::Transaction<'c, DB>, Lease)> {
        let Self {
            connection,
            mut open,
            ..
        } = self;
        open.0 = false;
        connection.into_transaction()
    }
}

// Here and not beside the type, so that `connection` needs no transactions.
impl<DB: TracedDatabase> Connection<'_, DB> {
    /// Runs a closure in a transaction. Commits it if the closure returns `Ok`, else rolls it back.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
    /// let (tracer, spans) = hopline_testing::tracer("orders");
    /// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?.tracer(tracer);
    /// let mut connection = pool.acquire().await?;
    /// let failed: Result<(), sqlx::Error> = connection
    ///     .transaction(|tx| {
    ///         Box::pin(async move {
    ///             sqlx::query("SELECT 1").execute(&mut **tx).await?;
    ///             Err(sqlx::Error::RowNotFound)
    ///         })
    ///     })
    ///     .await;
    /// assert!(failed.is_err());
    /// let names: Vec<String> = spans.all().into_iter().map(|span| span.name).collect();
    /// assert_eq!(names, ["db.begin", "db.query", "db.rollback"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the closure's error, or sqlx's.
    ///
    /// # Cancellation
    ///
    /// The transaction is rolled back before the connection's next use.
    pub async fn transaction<F, R, E>(&mut self, work: F) -> Result<R, E>
    where
        for<'t> F: FnOnce(&'t mut Transaction<'_, DB>) -> BoxFuture<'t, Result<R, E>> + Send + Sync,
        R: Send,
        E: From<Error> + Send,
    {
        let mut transaction = self.begin().await?;
        let result = work(&mut transaction).await;
        if result.is_ok() {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        result
    }

    /// Begins a transaction, or a savepoint inside a transaction.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn begin(&mut self) -> Result<Transaction<'_, DB>, Error> {
        let spans = self.spans().clone();
        let connection = self.raw_mut();
        let control = if connection.is_in_transaction() {
            Control::SAVEPOINT
        } else {
            Control::BEGIN
        };
        let span = spans.control(control);
        let begun = span.run::<DB, _>(connection.begin()).await?;
        Ok(Transaction::new(begun, spans, Lease::NONE))
    }

    /// Begins a transaction with a custom statement, such as `BEGIN ISOLATION LEVEL SERIALIZABLE`.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, also inside a transaction.
    pub async fn begin_with(
        &mut self,
        statement: impl SqlSafeStr,
    ) -> Result<Transaction<'_, DB>, Error> {
        let statement = statement.into_sql_str();
        let spans = self.spans().clone();
        let span = spans.begin_with(&statement);
        let begun = span
            .run::<DB, _>(self.raw_mut().begin_with(statement))
            .await?;
        Ok(Transaction::new(begun, spans, Lease::NONE))
    }
}

impl<'c, DB: Database> Deref for Transaction<'c, DB> {
    type Target = Connection<'c, DB>;

    fn deref(&self) -> &Connection<'c, DB> {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Transaction<'_, DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<'c, DB: Database> AsRef<Connection<'c, DB>> for Transaction<'c, DB> {
    fn as_ref(&self) -> &Connection<'c, DB> {
        self
    }
}

impl<'c, DB: Database> AsMut<Connection<'c, DB>> for Transaction<'c, DB> {
    fn as_mut(&mut self) -> &mut Connection<'c, DB> {
        self
    }
}

impl<DB: Database> fmt::Debug for Transaction<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("connection", &self.connection)
            .field("nested", &self.nested)
            .finish_non_exhaustive()
    }
}

// for `.execute(&mut transaction)`; `.execute(&mut *transaction)` is that of the connection
impl_executor!(&'c mut Transaction<'_, DB>, |transaction| (
    transaction.connection,
    Notes::default()
));

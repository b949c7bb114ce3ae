//! Transactions and savepoints.

use std::fmt;
use std::ops::{Deref, DerefMut};

use hopline_core::Context;
use sqlx::{Database, Error};
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

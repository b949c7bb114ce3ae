//! The transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use hopline_core::{Context, no_attrs};
use sqlx::{Database, Error};
use sqlx_core::transaction::TransactionManager;

use crate::annotated::Notes;
use crate::connection::Connection;
use crate::database::TracedDatabase;
use crate::executor::impl_executor;
use crate::record::Pending;
use crate::settings::{Control, Settings};

/// A transaction, or a savepoint in one, whose statements are spans.
///
/// Derefs to [`Connection`]. Dropped without [`commit`](Transaction::commit) it is rolled back the next time
/// its connection is used, by sqlx; the current span gets an event `transaction dropped`.
pub struct Transaction<'c, DB: Database> {
    connection: Connection<'c, DB>,
    nested: bool,
    open: Open,
}

/// Says so if a transaction is dropped with neither commit nor rollback. A field of its own, since a
/// transaction that could be dropped specially could not be taken apart.
struct Open(bool);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0 {
            Context::current().event("transaction dropped", no_attrs);
        }
    }
}

impl<'c, DB: TracedDatabase> Transaction<'c, DB> {
    pub(crate) fn new(inner: sqlx::Transaction<'c, DB>, settings: Arc<Settings>) -> Self {
        let nested = DB::TransactionManager::get_transaction_depth(&inner) > 1;
        Self {
            connection: Connection::in_transaction(inner, settings),
            nested,
            open: Open(true),
        }
    }

    /// Commits it; a savepoint is released.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    ///
    /// # Cancellation
    ///
    /// As sqlx's own: whether it was committed is not known then. The span ends.
    pub async fn commit(self) -> Result<(), Error> {
        let span = self.end(Control::COMMIT, Control::RELEASE);
        let Some(inner) = self.into_inner() else {
            return Ok(());
        };
        span.run::<DB, _>(inner.commit()).await
    }

    /// Rolls it back; of a savepoint, what was done since.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn rollback(self) -> Result<(), Error> {
        let span = self.end(Control::ROLLBACK, Control::ROLLBACK_TO);
        let Some(inner) = self.into_inner() else {
            return Ok(());
        };
        span.run::<DB, _>(inner.rollback()).await
    }

    fn end(&self, outer: Control, nested: Control) -> Pending {
        let control = if self.nested { nested } else { outer };
        self.connection.settings().control(control)
    }

    fn into_inner(self) -> Option<sqlx::Transaction<'c, DB>> {
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

// `.execute(&mut transaction)` as well as `.execute(&mut *transaction)`
impl_executor!(&'c mut Transaction<'_, DB>, |transaction| (
    transaction.connection,
    Notes::default()
));

//! The connection.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Error, Execute, Executor, SqlStr};
use sqlx_core::describe::Describe;

use crate::call::Call;
use crate::database::{Step, TracedDatabase};
use crate::pool::Pool;
use crate::record::{Pending, Record};
use crate::settings::{Control, Settings};
use crate::stream::{Recorded, recorded_row};
use crate::transaction::Transaction;

/// A connection whose statements are spans: of a pool, in a transaction, or somebody else's.
///
/// The one type for all of them: a function that takes `&mut Connection<'_, Postgres>` is called with
/// `&mut connection` or `&mut *transaction`. A mutable reference to it is an executor.
pub struct Connection<'c, DB: TracedDatabase> {
    inner: Inner<'c, DB>,
    settings: Arc<Settings>,
}

enum Inner<'c, DB: TracedDatabase> {
    Pooled(PoolConnection<DB>),
    Transaction(sqlx::Transaction<'c, DB>),
    Borrowed(&'c mut DB::Connection),
}

impl<'c, DB: TracedDatabase> Connection<'c, DB> {
    /// Traces a connection that somebody else owns, with the settings of a pool.
    pub fn borrowed(connection: &'c mut DB::Connection, like: &Pool<DB>) -> Self {
        Self {
            inner: Inner::Borrowed(connection),
            settings: like.settings(),
        }
    }

    pub(crate) fn pooled(inner: PoolConnection<DB>, settings: Arc<Settings>) -> Self {
        Self {
            inner: Inner::Pooled(inner),
            settings,
        }
    }

    pub(crate) fn in_transaction(
        inner: sqlx::Transaction<'c, DB>,
        settings: Arc<Settings>,
    ) -> Self {
        Self {
            inner: Inner::Transaction(inner),
            settings,
        }
    }

    /// The driver's own connection, by which nothing is traced: for COPY, LISTEN and the like.
    pub fn raw_mut(&mut self) -> &mut DB::Connection {
        match &mut self.inner {
            Inner::Pooled(connection) => connection,
            Inner::Transaction(transaction) => transaction,
            Inner::Borrowed(connection) => connection,
        }
    }

    /// Begins a transaction; inside of one, a savepoint.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn begin(&mut self) -> Result<Transaction<'_, DB>, Error> {
        let settings = Arc::clone(&self.settings);
        let connection = self.raw_mut();
        let control = if connection.is_in_transaction() {
            Control::SAVEPOINT
        } else {
            Control::BEGIN
        };
        let span = Pending::new(settings.control(control));
        let begun = span.end::<DB, _>(connection.begin().await)?;
        Ok(Transaction::new(begun, settings))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn into_transaction(self) -> Option<sqlx::Transaction<'c, DB>> {
        if let Inner::Transaction(transaction) = self.inner {
            Some(transaction)
        } else {
            None
        }
    }
}

impl<DB: TracedDatabase> fmt::Debug for Connection<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("system", &DB::SYSTEM)
            .finish_non_exhaustive()
    }
}

// The other methods of `Executor` end in one of these, with every driver.
impl<'c, DB: TracedDatabase> Executor<'c> for &'c mut Connection<'_, DB> {
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let call = Call::<DB>::new(query);
        let span = self
            .settings
            .statement("db.query", call.text(), call.is_parameterised());
        if !span.0.is_recording() {
            return DB::connection_fetch_many(self.raw_mut(), call);
        }
        let record = Record::<DB>::new(span);
        Box::pin(Recorded::new(
            DB::connection_fetch_many(self.raw_mut(), call),
            record,
        ))
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let call = Call::<DB>::new(query);
        let span = self
            .settings
            .statement("db.query", call.text(), call.is_parameterised());
        if !span.0.is_recording() {
            return DB::connection_fetch_optional(self.raw_mut(), call);
        }
        let record = Record::<DB>::new(span);
        recorded_row(DB::connection_fetch_optional(self.raw_mut(), call), record)
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'c: 'e,
    {
        let (span, _) = self.settings.statement("db.prepare", sql.as_str(), true);
        let prepare = DB::connection_prepare_with(self.raw_mut(), sql, parameters);
        let span = Pending::new(span);
        Box::pin(async move { span.end::<DB, _>(prepare.await) })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'c: 'e,
    {
        DB::connection_describe(self.raw_mut(), sql)
    }
}

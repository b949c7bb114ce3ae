//! The connection.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Error, Execute, SqlSafeStr, SqlStr};
use sqlx_core::describe::Describe;

use crate::annotated::{Annotated, Notes};
use crate::call::Call;
use crate::database::{Step, TracedDatabase};
use crate::executor::impl_executor;
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
    Owned(DB::Connection),
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

    pub(crate) fn owned(inner: DB::Connection, settings: Arc<Settings>) -> Self {
        Self {
            inner: Inner::Owned(inner),
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
            Inner::Owned(connection) => connection,
        }
    }

    /// The next call's `db.operation.name`; an executor, which takes more of that kind.
    pub fn operation<'a>(&mut self, operation: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).operation(operation)
    }

    /// The next call's `db.collection.name`; an executor, which takes more of that kind.
    pub fn collection<'a>(&mut self, collection: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).collection(collection)
    }

    /// The next call's `db.query.summary`; an executor, which takes more of that kind.
    pub fn summary<'a>(&mut self, summary: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).summary(summary)
    }

    /// Asks the database whether it is still there; a span `db.ping` where the pool has
    /// [`connection_spans`](Pool::connection_spans).
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn ping(&mut self) -> Result<(), Error> {
        let span = Pending::new(self.settings.connection_step(Control::PING));
        span.end::<DB, _>(self.raw_mut().ping().await)
    }

    /// Takes it out of its pool for good, which may then open another one. It stays traced.
    ///
    /// One that is in a transaction or somebody else's stays what it is.
    #[must_use = "a connection that is dropped is closed"]
    pub fn detach(self) -> Self {
        let Self { inner, settings } = self;
        let inner = match inner {
            Inner::Pooled(connection) => Inner::Owned(connection.detach()),
            other => other,
        };
        Self { inner, settings }
    }

    /// True inside of a transaction.
    pub fn is_in_transaction(&mut self) -> bool {
        self.raw_mut().is_in_transaction()
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

    /// Begins a transaction with a statement of one's own, such as `BEGIN ISOLATION LEVEL SERIALIZABLE`.
    ///
    /// # Errors
    ///
    /// As sqlx's own; inside of a transaction it is one.
    pub async fn begin_with(
        &mut self,
        statement: impl SqlSafeStr,
    ) -> Result<Transaction<'_, DB>, Error> {
        let statement = statement.into_sql_str();
        let settings = Arc::clone(&self.settings);
        let span = Pending::new(settings.begin_with(statement.as_str()));
        let begun = span.end::<DB, _>(self.raw_mut().begin_with(statement).await)?;
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
            .field("endpoint", &self.settings.endpoint)
            .finish_non_exhaustive()
    }
}

impl<DB: TracedDatabase> Connection<'_, DB> {
    pub(crate) fn many<'c, 'e, 'q: 'e, E>(
        &'c mut self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let span = self.settings.statement(&mut call, notes);
        let steps = DB::connection_fetch_many(self.raw_mut(), call);
        if !span.0.is_recording() {
            return steps;
        }
        Box::pin(Recorded::new(steps, Record::<DB>::new(span)))
    }

    pub(crate) fn optional<'c, 'e, 'q: 'e, E>(
        &'c mut self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let span = self.settings.statement(&mut call, notes);
        let row = DB::connection_fetch_optional(self.raw_mut(), call);
        if !span.0.is_recording() {
            return row;
        }
        let mut record = Record::<DB>::new(span);
        Box::pin(async move { recorded_row(row, &mut record).await })
    }

    pub(crate) fn prepared<'c, 'e>(
        &'c mut self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'c: 'e,
    {
        let span = Pending::new(self.settings.prepare(sql.as_str(), notes));
        let prepare = DB::connection_prepare_with(self.raw_mut(), sql, parameters);
        Box::pin(async move { span.end::<DB, _>(prepare.await) })
    }

    pub(crate) fn described<'c, 'e>(
        &'c mut self,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'c: 'e,
    {
        DB::connection_describe(self.raw_mut(), sql)
    }
}

impl_executor!(&'c mut Connection<'_, DB>, |connection| (
    connection,
    Notes::default()
));

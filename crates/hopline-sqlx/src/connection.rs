//! The connection.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Database, Error, Execute, SqlSafeStr, SqlStr};
use sqlx_core::database::HasStatementCache;
use sqlx_core::describe::Describe;

use crate::annotated::{Annotated, Notes};
use crate::database::{Call, OptionsOf, Step, TracedDatabase};
use crate::executor::impl_executor;
use crate::log::Loud;
use crate::pool::Pool;
use crate::record::{Pending, Record};
use crate::settings::{Control, Settings};
use crate::stream::{Recorded, recorded_row};
use crate::traced::ConnectOptionsExt;
use crate::transaction::Transaction;

/// A connection whose statements are spans: of a pool, in a transaction, of its own, or borrowed.
///
/// The one type for all of them: a function that takes `&mut Connection<'_, Postgres>` is called with
/// `&mut connection` or `&mut *transaction`. A mutable reference to it is an executor.
pub struct Connection<'c, DB: Database> {
    inner: Inner<'c, DB>,
    settings: Arc<Settings>,
}

enum Inner<'c, DB: Database> {
    Pooled(PoolConnection<DB>),
    Transaction(sqlx::Transaction<'c, DB>),
    Borrowed(&'c mut DB::Connection),
    Owned(DB::Connection),
}

impl<'c, DB: Database> Connection<'c, DB> {
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

    pub(crate) fn of(inner: &'c mut DB::Connection, settings: Arc<Settings>) -> Self {
        Self {
            inner: Inner::Borrowed(inner),
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

    /// The same for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Connection<'_, DB> {
        let settings = Arc::clone(&self.settings);
        Connection::of(self.raw_mut(), settings)
    }

    /// The driver's own connection, to look at.
    pub fn raw(&self) -> &DB::Connection {
        match &self.inner {
            Inner::Pooled(connection) => connection,
            Inner::Transaction(transaction) => transaction,
            Inner::Borrowed(connection) => connection,
            Inner::Owned(connection) => connection,
        }
    }

    /// The driver's own connection, by which nothing is traced: for advisory locks and the like.
    pub fn raw_mut(&mut self) -> &mut DB::Connection {
        match &mut self.inner {
            Inner::Pooled(connection) => connection,
            Inner::Transaction(transaction) => transaction,
            Inner::Borrowed(connection) => connection,
            Inner::Owned(connection) => connection,
        }
    }

    pub(crate) fn pooled_mut(&mut self) -> Option<&mut PoolConnection<DB>> {
        match &mut self.inner {
            Inner::Pooled(connection) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

impl<DB: TracedDatabase> Connection<'static, DB> {
    /// Opens a connection, without a pool.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&url.parse()?).await
    }

    /// Opens a connection, without a pool.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect_with(options: &OptionsOf<DB>) -> Result<Self, Error> {
        options.connect_traced().await
    }
}

impl<'c, DB: TracedDatabase> Connection<'c, DB> {
    /// Traces a borrowed connection, with the settings of a pool.
    pub fn borrowed(connection: &'c mut DB::Connection, like: &Pool<DB>) -> Self {
        Self::of(connection, like.borrowed_settings())
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
        let span = self.settings.connection_step(Control::PING);
        span.end::<DB, _>(self.raw_mut().ping().await)
    }

    /// Takes it out of its pool, which may then open another one. It stays traced.
    ///
    /// One that is in a transaction or borrowed stays what it is.
    #[must_use = "a connection that is dropped is closed"]
    pub fn detach(self) -> Self {
        self.map_pooled(PoolConnection::detach)
    }

    pub(crate) fn leak(self) -> Self {
        self.map_pooled(PoolConnection::leak)
    }

    fn map_pooled(self, take: impl FnOnce(PoolConnection<DB>) -> DB::Connection) -> Self {
        let Self { inner, settings } = self;
        let Inner::Pooled(connection) = inner else {
            return Self { inner, settings };
        };
        // the pool replaces it no more
        let settings = match settings.loud {
            Loud::Until(_) => settings.always_loud(),
            Loud::No | Loud::Always => settings,
        };
        Self::owned(take(connection), settings)
    }

    /// Closes it.
    ///
    /// # Errors
    ///
    /// As sqlx's own; one that is in a transaction or borrowed is not closed, and it is an error to ask for it.
    pub async fn close(self) -> Result<(), Error> {
        match self.inner {
            Inner::Pooled(connection) => connection.close().await,
            Inner::Owned(connection) => connection.close().await,
            Inner::Transaction(_) | Inner::Borrowed(_) => Err(Error::InvalidArgument(
                "only the owner of a connection can close it: end its transaction, and close it there"
                    .to_owned(),
            )),
        }
    }

    /// True inside of a transaction.
    pub fn is_in_transaction(&self) -> bool {
        self.raw().is_in_transaction()
    }

    /// The number of prepared statements in the cache.
    pub fn cached_statements_size(&self) -> usize
    where
        DB: HasStatementCache,
    {
        self.raw().cached_statements_size()
    }

    /// Drops the statements that are kept for the next time.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn clear_cached_statements(&mut self) -> Result<(), Error>
    where
        DB: HasStatementCache,
    {
        self.raw_mut().clear_cached_statements().await
    }

    /// Gives back memory that buffers do not need.
    pub fn shrink_buffers(&mut self) {
        self.raw_mut().shrink_buffers();
    }

    /// Runs a closure in a transaction: commits it if the closure returns `Ok`, else rolls it back.
    ///
    /// # Errors
    ///
    /// The closure's own, or sqlx's.
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
        let span = settings.control(control);
        let begun = span.run::<DB, _>(connection.begin()).await?;
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
        let span = settings.begin_with(&statement);
        let begun = span
            .run::<DB, _>(self.raw_mut().begin_with(statement))
            .await?;
        Ok(Transaction::new(begun, settings))
    }

    pub(crate) fn into_transaction(self) -> Option<sqlx::Transaction<'c, DB>> {
        if let Inner::Transaction(transaction) = self.inner {
            Some(transaction)
        } else {
            None
        }
    }
}

impl<DB: Database> fmt::Debug for Connection<'_, DB> {
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
        let started = self.settings.statement(&mut call, notes);
        let steps = DB::connection_fetch_many(self.raw_mut(), call);
        if !started.is_watched() {
            return steps;
        }
        Box::pin(Recorded::new(steps, Record::<DB>::new(started)))
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
        let started = self.settings.statement(&mut call, notes);
        let row = DB::connection_fetch_optional(self.raw_mut(), call);
        if !started.is_watched() {
            return row;
        }
        let mut record = Record::<DB>::new(started);
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
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'c: 'e,
    {
        let span = Pending::new(self.settings.describe_statement(sql.as_str(), notes));
        let describe = DB::connection_describe(self.raw_mut(), sql);
        Box::pin(async move { span.end::<DB, _>(describe.await) })
    }
}

impl_executor!(&'c mut Connection<'_, DB>, |connection| (
    connection,
    Notes::default()
));

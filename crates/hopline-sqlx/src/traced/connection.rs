//! Connections: the lowest of the traced types. Pools return them, transactions deref to them.

use std::fmt;

use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions as _, Connection as _, Database, Error};
use sqlx_core::database::HasStatementCache;

use crate::database::{OptionsOf, TracedDatabase};
use crate::log::{configured, silent};
use crate::settings::{RawEvents, Settings};
use crate::span::{Control, Spans};
use crate::traced::annotated::Annotated;
use crate::traced::pool_metrics::Lease;
use crate::traced::source::Leased;

/// A connection with a span for each statement: of a pool, in a transaction, without a pool, or borrowed.
///
/// One type for all of them: a function that takes `&mut Connection<'_, Postgres>` accepts `&mut connection` and
/// `&mut *transaction`. A mutable reference is an executor.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::{Connection, SqlitePool};
/// use sqlx::Sqlite;
///
/// async fn count(db: &mut Connection<'_, Sqlite>) -> Result<i64, sqlx::Error> {
///     sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *db).await
/// }
///
/// let pool = SqlitePool::connect("sqlite::memory:").await?;
/// assert_eq!(count(&mut *pool.acquire().await?).await?, 0);
/// let mut tx = pool.begin().await?;
/// assert_eq!(count(&mut tx).await?, 0);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct Connection<'c, DB: Database> {
    inner: Inner<'c, DB>,
    spans: Spans,
    /// The use of a pool's connection, which ends after it returned.
    lease: Lease,
}

/// The connection's owner.
enum Inner<'c, DB: Database> {
    Pooled(PoolConnection<DB>),
    Transaction(sqlx::Transaction<'c, DB>),
    Borrowed(&'c mut DB::Connection),
    Owned(DB::Connection),
}

impl<'c, DB: Database> Connection<'c, DB> {
    pub(super) fn pooled(leased: Leased<DB>, spans: Spans) -> Self {
        let (inner, lease) = leased.into_parts();
        Self {
            inner: Inner::Pooled(inner),
            spans,
            lease,
        }
    }

    pub(super) fn owned(inner: DB::Connection, spans: Spans) -> Self {
        Self {
            inner: Inner::Owned(inner),
            spans,
            lease: Lease::NONE,
        }
    }

    pub(super) fn over(inner: &'c mut DB::Connection, spans: Spans) -> Self {
        Self {
            inner: Inner::Borrowed(inner),
            spans,
            lease: Lease::NONE,
        }
    }

    pub(super) fn in_transaction(
        inner: sqlx::Transaction<'c, DB>,
        spans: Spans,
        lease: Lease,
    ) -> Self {
        Self {
            inner: Inner::Transaction(inner),
            spans,
            lease,
        }
    }

    /// The same connection, for a shorter time.
    pub(super) fn reborrow(&mut self) -> Connection<'_, DB> {
        let spans = self.spans.clone();
        Connection::over(self.raw_mut(), spans)
    }

    /// The driver's connection, for reading its state.
    pub fn raw(&self) -> &DB::Connection {
        match &self.inner {
            Inner::Pooled(connection) => connection,
            Inner::Transaction(transaction) => transaction,
            Inner::Borrowed(connection) => connection,
            Inner::Owned(connection) => connection,
        }
    }

    /// The driver's connection, for code that requires it, such as advisory locks. Statements on it have no spans.
    pub fn raw_mut(&mut self) -> &mut DB::Connection {
        match &mut self.inner {
            Inner::Pooled(connection) => connection,
            Inner::Transaction(transaction) => transaction,
            Inner::Borrowed(connection) => connection,
            Inner::Owned(connection) => connection,
        }
    }

    /// Takes the measurement of its use, to be dropped when it has returned to the pool.
    pub(super) fn take_lease(&mut self) -> Lease {
        std::mem::replace(&mut self.lease, Lease::NONE)
    }

    pub(super) fn pooled_mut(&mut self) -> Option<&mut PoolConnection<DB>> {
        match &mut self.inner {
            Inner::Pooled(connection) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn spans(&self) -> &Spans {
        &self.spans
    }
}

impl<DB: TracedDatabase> Connection<'static, DB> {
    /// Opens a connection without a pool.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&url.parse()?).await
    }

    /// Opens a connection without a pool, from connect options.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect_with(options: &OptionsOf<DB>) -> Result<Self, Error> {
        let connection = silent(options).connect().await?;
        let settings = Settings::new(DB::endpoint(options), configured(options), RawEvents::Never);
        Ok(Self::owned(connection, Spans::new(settings)))
    }
}

impl<'c, DB: TracedDatabase> Connection<'c, DB> {
    /// Sets `db.operation.name` for one call. Returns an executor, which takes further attributes.
    pub fn operation<'a>(&mut self, operation: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).operation(operation)
    }

    /// Sets `db.collection.name` for one call. Returns an executor, which takes further attributes.
    pub fn collection<'a>(&mut self, collection: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).collection(collection)
    }

    /// Sets `db.query.summary` for one call. Returns an executor, which takes further attributes.
    pub fn summary<'a>(&mut self, summary: &'a str) -> Annotated<'a, &mut Self> {
        Annotated::new(self).summary(summary)
    }

    /// Checks that the database responds. A span `db.ping` with [`Pool::connection_spans`](crate::Pool::connection_spans).
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn ping(&mut self) -> Result<(), Error> {
        let span = self.spans.connection_step(Control::PING);
        span.end::<DB, _>(self.raw_mut().ping().await)
    }

    /// Detaches the connection from its pool, which may open another one. It stays traced.
    ///
    /// No effect on a connection that is borrowed or in a transaction.
    #[must_use = "a connection that is dropped is closed"]
    pub fn detach(self) -> Self {
        self.map_pooled(PoolConnection::detach)
    }

    pub(super) fn leak(self) -> Self {
        self.map_pooled(PoolConnection::leak)
    }

    fn map_pooled(self, take: impl FnOnce(PoolConnection<DB>) -> DB::Connection) -> Self {
        let Self {
            inner,
            spans,
            lease,
        } = self;
        let Inner::Pooled(connection) = inner else {
            return Self {
                inner,
                spans,
                lease,
            };
        };
        // no pool replaces a connection that may still write sqlx's log events
        let spans = match spans.settings().raw_events {
            RawEvents::Until(_) => spans.for_foreign_connections(),
            RawEvents::Never | RawEvents::Always => spans,
        };
        Self::owned(take(connection), spans)
    }

    /// Closes the connection.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, or `InvalidArgument` if the connection is borrowed or in a transaction. Such a connection stays
    /// open.
    pub async fn close(self) -> Result<(), Error> {
        match self.inner {
            Inner::Pooled(connection) => connection.close().await,
            Inner::Owned(connection) => connection.close().await,
            Inner::Transaction(_) | Inner::Borrowed(_) => Err(Error::InvalidArgument(
                "a borrowed connection was not closed: only the owner of a connection can close it; end its transaction first"
                    .to_owned(),
            )),
        }
    }

    /// Returns true inside a transaction.
    pub fn is_in_transaction(&self) -> bool {
        self.raw().is_in_transaction()
    }

    /// The number of prepared statements in the driver's cache.
    pub fn cached_statements_size(&self) -> usize
    where
        DB: HasStatementCache,
    {
        self.raw().cached_statements_size()
    }

    /// Drops all prepared statements in the driver's cache.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn clear_cached_statements(&mut self) -> Result<(), Error>
    where
        DB: HasStatementCache,
    {
        self.raw_mut().clear_cached_statements().await
    }

    /// Frees unused memory of the driver's buffers.
    pub fn shrink_buffers(&mut self) {
        self.raw_mut().shrink_buffers();
    }

    pub(super) fn into_transaction(self) -> Option<(sqlx::Transaction<'c, DB>, Lease)> {
        if let Inner::Transaction(transaction) = self.inner {
            Some((transaction, self.lease))
        } else {
            None
        }
    }
}

impl<DB: Database> fmt::Debug for Connection<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoint", &self.spans.settings().endpoint)
            .finish_non_exhaustive()
    }
}

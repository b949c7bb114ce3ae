//! The pool.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use hopline_core::{OlderNames, SpanNames, Tracer};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Error, Execute, Executor, SqlSafeStr, SqlStr};
use sqlx_core::describe::Describe;

use crate::call::Call;
use crate::connection::Connection;
use crate::database::{Step, TracedDatabase};
use crate::record::{Pending, Record};
use crate::settings::{Control, QueryText, Settings};
use crate::stream::{Recorded, recorded_row};
use crate::transaction::Transaction;

/// Adds `.traced()` to pools.
pub trait PoolExt<DB: TracedDatabase> {
    /// The same pool, with a span for every statement and transaction.
    fn traced(self) -> Pool<DB>;
}

impl<DB: TracedDatabase> PoolExt<DB> for sqlx::Pool<DB> {
    fn traced(self) -> Pool<DB> {
        Pool::new(self)
    }
}

/// A pool whose statements and transactions are spans. See the [crate](crate).
///
/// A shared reference to it is an executor, as with sqlx's own. Cloning it counts references.
pub struct Pool<DB: TracedDatabase> {
    inner: sqlx::Pool<DB>,
    settings: Arc<Settings>,
}

impl<DB: TracedDatabase> Pool<DB> {
    fn new(inner: sqlx::Pool<DB>) -> Self {
        // sqlx's own events hold the raw text of statements
        inner.set_connect_options(
            (*inner.connect_options())
                .clone()
                .disable_statement_logging(),
        );
        let settings = Settings {
            system: DB::SYSTEM,
            dialect: DB::DIALECT,
            endpoint: DB::endpoint(&inner.connect_options()),
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            text: QueryText::default(),
        };
        Self {
            inner,
            settings: Arc::new(settings),
        }
    }

    /// Records with this tracer instead of the current context's or the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|settings| settings.tracer = Some(tracer))
    }

    /// How spans are named; what the environment says, if not said.
    #[must_use]
    pub fn span_names(self, names: SpanNames) -> Self {
        self.with(|settings| settings.names = names)
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|settings| settings.older_names = names)
    }

    /// What is recorded of a statement's text; without its values, if not said.
    #[must_use]
    pub fn query_text(self, text: QueryText) -> Self {
        self.with(|settings| settings.text = text)
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// sqlx's own pool, by which nothing is traced: for migrations, listeners, COPY.
    pub fn raw(&self) -> &sqlx::Pool<DB> {
        &self.inner
    }

    /// Takes a connection out of the pool.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn acquire(&self) -> Result<Connection<'static, DB>, Error> {
        let inner = self.inner.acquire().await?;
        Ok(Connection::pooled(inner, Arc::clone(&self.settings)))
    }

    /// Begins a transaction. Its span covers the wait for a connection as well.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn begin(&self) -> Result<Transaction<'static, DB>, Error> {
        let span = Pending::new(self.settings.control(Control::BEGIN));
        self.begun(span, self.inner.begin().await)
    }

    /// Begins a transaction with a statement of one's own, such as `BEGIN ISOLATION LEVEL SERIALIZABLE`.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<Transaction<'static, DB>, Error> {
        let span = Pending::new(self.settings.control(Control::BEGIN));
        self.begun(span, self.inner.begin_with(statement).await)
    }

    fn begun(
        &self,
        span: Pending,
        begun: sqlx::Result<sqlx::Transaction<'static, DB>>,
    ) -> sqlx::Result<Transaction<'static, DB>> {
        let begun = span.end::<DB, _>(begun)?;
        Ok(Transaction::new(begun, Arc::clone(&self.settings)))
    }

    /// Closes the pool and waits until its connections are closed.
    pub async fn close(&self) {
        self.inner.close().await;
    }
}

impl<DB: TracedDatabase> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<DB: TracedDatabase> fmt::Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = f.debug_struct("Pool");
        pool.field("system", &DB::SYSTEM)
            .field("endpoint", &self.settings.endpoint)
            .finish_non_exhaustive()
    }
}

/// A connection, and how long it took to get it.
async fn acquire<DB: TracedDatabase>(
    pool: &sqlx::Pool<DB>,
    record: &mut Record<DB>,
) -> Result<PoolConnection<DB>, Error> {
    let asked = Instant::now();
    let connection = pool.acquire().await;
    record.waited(asked.elapsed());
    connection.inspect_err(|error| record.fail(error))
}

// The other methods of `Executor` end in one of these, with every driver.
impl<'p, DB: TracedDatabase> Executor<'p> for &'_ Pool<DB> {
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let call = Call::<DB>::new(query);
        let span = self
            .settings
            .statement("db.query", call.text(), call.is_parameterised());
        let mut record = Record::<DB>::new(span);
        let pool = self.inner.clone();
        // as many boxes as sqlx's own, which boxes such a generator
        Box::pin(async_stream::try_stream! {
            let mut connection = acquire(&pool, &mut record).await?;
            let mut steps = Recorded::new(DB::connection_fetch_many(&mut connection, call), record);
            while let Some(step) = steps.try_next().await? {
                yield step;
            }
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let call = Call::<DB>::new(query);
        let span = self
            .settings
            .statement("db.query", call.text(), call.is_parameterised());
        let mut record = Record::<DB>::new(span);
        let pool = self.inner.clone();
        Box::pin(async move {
            let mut connection = acquire(&pool, &mut record).await?;
            recorded_row(DB::connection_fetch_optional(&mut connection, call), record).await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'p: 'e,
    {
        let (span, _) = self.settings.statement("db.prepare", sql.as_str(), true);
        let span = Pending::new(span);
        let pool = self.inner.clone();
        Box::pin(async move {
            let prepare = async {
                let mut connection = pool.acquire().await?;
                DB::connection_prepare_with(&mut connection, sql, parameters).await
            };
            span.end::<DB, _>(prepare.await)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'p: 'e,
    {
        let pool = self.inner.clone();
        Box::pin(async move {
            let mut connection = pool.acquire().await?;
            DB::connection_describe(&mut connection, sql).await
        })
    }
}

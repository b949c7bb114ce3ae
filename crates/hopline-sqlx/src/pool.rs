//! The pool.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use hopline_core::{OlderNames, SpanNames, Tracer};
use sqlx::{
    ConnectOptions, Connection as _, Error, Execute, SqlSafeStr, SqlStr, Transaction as Begun,
};
use sqlx_core::describe::Describe;

use crate::annotated::{Annotated, Notes};
use crate::call::Call;
use crate::connection::Connection;
use crate::database::{Step, TracedDatabase};
use crate::executor::impl_executor;
use crate::record::{Pending, Record};
use crate::settings::{Control, QueryText, Settings};
use crate::source::Source;
use crate::stream::{Recorded, recorded_row};
use crate::transaction::Transaction;

/// Adds `.traced()` to pools.
pub trait PoolExt<DB: TracedDatabase> {
    /// The same pool, with a span for every statement and transaction.
    ///
    /// sqlx's own log events hold the raw text of statements, so they are turned off for this pool, all its clones
    /// included. A connection learns that when it is opened: at the first use, those that were open are closed, and
    /// one is opened. One that is in use elsewhere meanwhile may log until it is closed. Nothing is closed where the
    /// data would go with it, which is in SQLite's memory; to silence that, connect with
    /// [`disable_statement_logging`](sqlx::ConnectOptions::disable_statement_logging). To keep the events, see
    /// [`Pool::statement_logging`].
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
    /// As it was configured, before its events were turned off.
    configured: Arc<<DB::Connection as sqlx::Connection>::Options>,
    /// How many connections are open that still log. Shared, so that they are closed once for all clones.
    loud: Arc<AtomicU32>,
    settings: Arc<Settings>,
}

impl<DB: TracedDatabase> Pool<DB> {
    fn new(inner: sqlx::Pool<DB>) -> Self {
        let configured = inner.connect_options();
        inner.set_connect_options((*configured).clone().disable_statement_logging());
        let loud = if DB::outlives_connections(&configured) {
            inner.size()
        } else {
            0
        };
        let settings = Settings::new(DB::endpoint(&configured));
        Self {
            inner,
            configured,
            loud: Arc::new(loud.into()),
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

    /// The value of `db.system.name`, where it is not what the driver suggests: `mariadb`, `cockroachdb`.
    #[must_use]
    pub fn system(self, name: &'static str) -> Self {
        self.with(|settings| settings.endpoint.system = name)
    }

    /// Records only inside of a trace: a background loop then makes no traces of single statements.
    #[must_use]
    pub fn only_with_parent(self) -> Self {
        self.with(|settings| settings.only_with_parent = true)
    }

    /// Spans for [`acquire`](Pool::acquire), [`ping`](Connection::ping) and [`connect`](Pool::connect) as well.
    #[must_use]
    pub fn connection_spans(self) -> Self {
        self.with(|settings| settings.connection_spans = true)
    }

    /// A span `db.acquire`, below the statement's or BEGIN's, for each wait for a connection of at least this long.
    /// How long it was is an attribute in any case.
    #[must_use]
    pub fn wait_spans(self, at_least: Duration) -> Self {
        self.with(|settings| settings.wait_spans = Some(at_least))
    }

    /// Appends `/*traceparent='…'*/` to statements whose span is sampled, so that the database's logs and statistics
    /// name it (sqlcommenter).
    ///
    /// Such a statement is prepared each time, since a text of its own is in no cache. A text that has a comment,
    /// and a prepared [`Statement`](sqlx::Statement), stay as they are.
    #[must_use]
    pub fn trace_comments(self) -> Self {
        self.with(|settings| settings.comments = true)
    }

    /// Leaves sqlx's own log events on, with the raw text of statements, as they were configured.
    #[must_use]
    pub fn statement_logging(self) -> Self {
        self.inner.set_connect_options((*self.configured).clone());
        self.loud.store(0, Relaxed);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        Arc::make_mut(&mut self.settings).change(change);
        self
    }

    /// The next call's `db.operation.name`; an executor, which takes more of that kind.
    pub fn operation<'a>(&self, operation: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).operation(operation)
    }

    /// The next call's `db.collection.name`; an executor, which takes more of that kind.
    pub fn collection<'a>(&self, collection: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).collection(collection)
    }

    /// The next call's `db.query.summary`; an executor, which takes more of that kind.
    pub fn summary<'a>(&self, summary: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).summary(summary)
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
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
    ///
    /// # Cancellation
    ///
    /// As sqlx's own: a connection that was just got is closed.
    pub async fn acquire(&self) -> Result<Connection<'static, DB>, Error> {
        let mut span = Pending::new(self.settings.connection_step(Control::ACQUIRE));
        let acquired = self.source().acquire(span.waiting()).await;
        let inner = span.end::<DB, _>(acquired)?;
        Ok(Connection::pooled(inner, self.settings()))
    }

    /// Takes an idle connection out of the pool, if there is one.
    pub fn try_acquire(&self) -> Option<Connection<'static, DB>> {
        let inner = self.inner.try_acquire()?;
        Some(Connection::pooled(inner, self.settings()))
    }

    /// Opens a connection that is not of the pool, as the pool would.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect(&self) -> Result<Connection<'static, DB>, Error> {
        let span = Pending::new(self.settings.connection_step(Control::CONNECT));
        let options = self.inner.connect_options();
        let opened = DB::Connection::connect_with(&options).await;
        Ok(Connection::owned(
            span.end::<DB, _>(opened)?,
            self.settings(),
        ))
    }

    /// Begins a transaction. Its span covers the wait for a connection as well.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn begin(&self) -> Result<Transaction<'static, DB>, Error> {
        let span = Pending::new(self.settings.control(Control::BEGIN));
        self.begun(span, None).await
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
        let statement = statement.into_sql_str();
        let span = Pending::new(self.settings.begin_with(statement.as_str()));
        self.begun(span, Some(statement)).await
    }

    /// Begins a transaction on an idle connection, if there is one.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn try_begin(&self) -> Result<Option<Transaction<'static, DB>>, Error> {
        let Some(idle) = self.inner.try_acquire() else {
            return Ok(None);
        };
        let span = Pending::new(self.settings.control(Control::BEGIN));
        let begun = span.end::<DB, _>(Begun::begin(idle, None).await)?;
        Ok(Some(Transaction::new(begun, self.settings())))
    }

    /// Both of it: an idle connection, and a statement of one's own.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn try_begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<Option<Transaction<'static, DB>>, Error> {
        let Some(idle) = self.inner.try_acquire() else {
            return Ok(None);
        };
        let statement = statement.into_sql_str();
        let span = Pending::new(self.settings.begin_with(statement.as_str()));
        let begun = span.end::<DB, _>(Begun::begin(idle, Some(statement)).await)?;
        Ok(Some(Transaction::new(begun, self.settings())))
    }

    async fn begun(
        &self,
        mut span: Pending,
        statement: Option<SqlStr>,
    ) -> Result<Transaction<'static, DB>, Error> {
        let begin = async {
            let connection = self.source().acquire(span.waiting()).await?;
            Begun::begin(connection, statement).await
        };
        let begun = begin.await;
        Ok(Transaction::new(span.end::<DB, _>(begun)?, self.settings()))
    }

    /// How many connections are open.
    pub fn size(&self) -> u32 {
        self.inner.size()
    }

    /// How many connections are open and not in use.
    pub fn num_idle(&self) -> usize {
        self.inner.num_idle()
    }

    /// Closes the pool and waits until its connections are closed.
    pub async fn close(&self) {
        self.inner.close().await;
    }

    /// True once it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// What a call keeps of the pool until it has a connection.
    fn source(&self) -> Source<DB> {
        Source {
            pool: self.inner.clone(),
            loud: (self.loud.load(Relaxed) > 0).then(|| Arc::clone(&self.loud)),
            settings: self.settings.wait_spans.map(|_| self.settings()),
        }
    }

    pub(crate) fn many<'e, 'q: 'e, E>(
        &self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let span = self.settings.statement(&mut call, notes);
        let mut record = Record::<DB>::new(span);
        let source = self.source();
        // as many boxes as sqlx's own, which boxes such a generator
        in_box(|| {
            async_stream::try_stream! {
                let acquired = source.acquire(record.waiting()).await;
                let mut connection = acquired.inspect_err(|error| record.fail(error))?;
                let mut steps = Recorded::new(DB::connection_fetch_many(&mut connection, call), record);
                while let Some(step) = steps.try_next().await? {
                    yield step;
                }
            }
        })
    }

    pub(crate) fn optional<'e, 'q: 'e, E>(
        &self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let span = self.settings.statement(&mut call, notes);
        let mut record = Record::<DB>::new(span);
        let source = self.source();
        in_box(|| async move {
            // one place for each of these: what is moved has two in the future, which makes it a large one
            let mut connection = match source.acquire(record.waiting()).await {
                Ok(connection) => connection,
                Err(error) => {
                    record.fail(&error);
                    return Err(error);
                }
            };
            let row = DB::connection_fetch_optional(&mut connection, call);
            recorded_row(row, &mut record).await
        })
    }

    pub(crate) fn prepared<'e>(
        &self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<DB::Statement, Error>> {
        let mut span = Pending::new(self.settings.prepare(sql.as_str(), notes));
        let source = self.source();
        in_box(|| async move {
            let prepare = async {
                let mut connection = source.acquire(span.waiting()).await?;
                DB::connection_prepare_with(&mut connection, sql, parameters).await
            };
            let prepared = prepare.await;
            span.end::<DB, _>(prepared)
        })
    }

    pub(crate) fn described<'e>(&self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<DB>, Error>> {
        let pool = self.inner.clone();
        Box::pin(async move {
            let mut connection = pool.acquire().await?;
            DB::connection_describe(&mut connection, sql).await
        })
    }
}

impl<DB: TracedDatabase> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            configured: Arc::clone(&self.configured),
            loud: Arc::clone(&self.loud),
            settings: self.settings(),
        }
    }
}

impl<DB: TracedDatabase> fmt::Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("endpoint", &self.settings.endpoint)
            .finish_non_exhaustive()
    }
}

/// Makes a future or stream in the box that it is for. One that is made first is copied into its box as a whole, and
/// those that wait for a connection are of several kB, nearly all of it yet to be written.
#[inline]
fn in_box<T>(make: impl FnOnce() -> T) -> Pin<Box<T>> {
    let place = Box::new_uninit();
    Box::write(place, make()).into()
}

impl_executor!(&'_ Pool<DB>, |pool| (pool, Notes::default()));

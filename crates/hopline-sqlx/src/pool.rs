//! The pool.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use hopline_core::{OlderNames, SpanNames, Tracer};
use sqlx::pool::{CloseEvent, PoolOptions};
use sqlx::{Connection as _, Database, Error, Execute, SqlSafeStr, SqlStr, Transaction as Begun};
use sqlx_core::describe::Describe;

use crate::annotated::{Annotated, Notes};
use crate::connection::Connection;
use crate::database::{Call, OptionsOf, Step, TracedDatabase};
use crate::executor::impl_executor;
use crate::log::{self, Loud};
use crate::pool_connection::PoolConnection;
use crate::record::{Pending, Record};
use crate::settings::{Control, QueryText, Settings};
use crate::source::Source;
use crate::stream::{Recorded, recorded_row};
use crate::traced::{PoolExt, silent};
use crate::transaction::Transaction;

/// A pool whose statements and transactions are spans. See the [crate](crate).
///
/// A shared reference to it is an executor, as with sqlx's own. Cloning it counts references.
pub struct Pool<DB: Database> {
    inner: sqlx::Pool<DB>,
    /// As the application set them, with sqlx's log events. All clones have the same, so that they are behind a lock;
    /// it is held to copy a pointer.
    configured: Arc<RwLock<Arc<OptionsOf<DB>>>>,
    settings: Arc<Settings>,
    /// The settings for connections of others, which are made once.
    borrowed: OnceLock<Arc<Settings>>,
}

impl<DB: TracedDatabase> Pool<DB> {
    /// One that was made by the application, and may have connections.
    pub(crate) fn new(inner: sqlx::Pool<DB>) -> Self {
        let options = inner.connect_options();
        inner.set_connect_options(silent(&*options));
        let loud = if inner.size() == 0 {
            Loud::No
        } else {
            // it replaces them when they are older and come back from what they do
            let end = inner.options().get_max_lifetime();
            end.and_then(|lifetime| Instant::now().checked_add(lifetime.saturating_mul(2)))
                .map_or(Loud::Always, Loud::Until)
        };
        Self::with_options(inner, options, loud)
    }

    /// One whose connections were all opened without sqlx's log events.
    pub(crate) fn from_start(inner: sqlx::Pool<DB>, options: OptionsOf<DB>) -> Self {
        Self::with_options(inner, Arc::new(options), Loud::No)
    }

    fn with_options(inner: sqlx::Pool<DB>, options: Arc<OptionsOf<DB>>, loud: Loud) -> Self {
        let settings = Settings::new(DB::endpoint(&options), log::configured(&*options), loud);
        Self {
            inner,
            configured: Arc::new(RwLock::new(options)),
            settings: Arc::new(settings),
            borrowed: OnceLock::new(),
        }
    }

    /// Makes a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        PoolOptions::new().traced().connect(url).await
    }

    /// Makes a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect_with(options: OptionsOf<DB>) -> Result<Self, Error> {
        PoolOptions::new().traced().connect_with(options).await
    }

    /// Makes a pool that opens connections when they are needed.
    ///
    /// # Errors
    ///
    /// The URL cannot be read.
    pub fn connect_lazy(url: &str) -> Result<Self, Error> {
        PoolOptions::new().traced().connect_lazy(url)
    }

    /// Makes a pool that opens connections when they are needed.
    pub fn connect_lazy_with(options: OptionsOf<DB>) -> Self {
        PoolOptions::new().traced().connect_lazy_with(options)
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

    /// Spans for [`acquire`](Pool::acquire), [`ping`](Connection::ping) and [`open_connection`](Pool::open_connection) as
    /// well.
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
    /// Such a statement is prepared each time, since no cache has its text. MySQL's and SQLite's drivers keep it out of
    /// their caches; Postgres's keeps it, and may drop others for it
    /// ([`statement_cache_capacity`](sqlx::postgres::PgConnectOptions::statement_cache_capacity)). A text that has a
    /// comment, and a prepared [`Statement`](sqlx::Statement), stay as they are.
    #[must_use]
    pub fn trace_comments(self) -> Self {
        self.with(|settings| settings.comments = true)
    }

    /// Leaves sqlx's own log events on, with the raw text of statements, as they were configured.
    #[must_use]
    pub fn statement_logging(self) -> Self {
        self.inner
            .set_connect_options((*self.connect_options()).clone());
        self.with(|settings| settings.raw_log = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        Arc::make_mut(&mut self.settings).change(change);
        self.borrowed = OnceLock::new();
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

    /// sqlx's own pool, by which nothing is traced: for those who take a `sqlx::PgPool`.
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
    pub fn acquire(
        &self,
    ) -> impl Future<Output = Result<PoolConnection<DB>, Error>> + Send + 'static + use<DB> {
        let taken = self.take();
        async move { Ok(PoolConnection::new(taken.await?)) }
    }

    pub(crate) fn take(
        &self,
    ) -> impl Future<Output = Result<Connection<'static, DB>, Error>> + Send + 'static + use<DB>
    {
        let mut span = self.settings.connection_step(Control::ACQUIRE);
        let (source, settings) = (self.source(), self.settings());
        async move {
            let acquired = source.acquire(span.waiting()).await;
            let inner = span.end::<DB, _>(acquired)?;
            Ok(Connection::pooled(inner, settings))
        }
    }

    /// Takes an idle connection out of the pool, if there is one.
    pub fn try_acquire(&self) -> Option<PoolConnection<DB>> {
        let inner = self.inner.try_acquire()?;
        Some(PoolConnection::new(Connection::pooled(
            inner,
            self.settings(),
        )))
    }

    /// Opens a connection that is not of the pool, as the pool would.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn open_connection(&self) -> Result<Connection<'static, DB>, Error> {
        let span = self.settings.connection_step(Control::CONNECT);
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
        self.begun(self.settings.control(Control::BEGIN), None)
            .await
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
        let span = self.settings.begin_with(&statement);
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
        let span = self.settings.control(Control::BEGIN);
        let begun = span.run::<DB, _>(Begun::begin(idle, None)).await?;
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
        let span = self.settings.begin_with(&statement);
        let begun = span
            .run::<DB, _>(Begun::begin(idle, Some(statement)))
            .await?;
        Ok(Some(Transaction::new(begun, self.settings())))
    }

    async fn begun(
        &self,
        mut span: Pending,
        statement: Option<SqlStr>,
    ) -> Result<Transaction<'static, DB>, Error> {
        let connection = match self.source().acquire(span.waiting()).await {
            Ok(connection) => connection,
            Err(error) => return span.end::<DB, _>(Err(error)),
        };
        let begun = span
            .run::<DB, _>(Begun::begin(connection, statement))
            .await?;
        Ok(Transaction::new(begun, self.settings()))
    }

    /// Sets the options of connections that are opened from now on, for all clones. Spans keep the address that the
    /// pool had before.
    pub fn set_connect_options(&self, options: OptionsOf<DB>) {
        let set = if self.settings.raw_log {
            options.clone()
        } else {
            silent(&options)
        };
        self.inner.set_connect_options(set);
        let mut configured = self
            .configured
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *configured = Arc::new(options);
    }

    /// What a call keeps of the pool until it has a connection.
    fn source(&self) -> Source<DB> {
        Source {
            pool: self.inner.clone(),
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
        let mut record = Record::<DB>::new(self.settings.statement(&mut call, notes));
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
        let mut record = Record::<DB>::new(self.settings.statement(&mut call, notes));
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

    pub(crate) fn described<'e>(
        &self,
        sql: SqlStr,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>> {
        let mut span = Pending::new(self.settings.describe_statement(sql.as_str(), notes));
        let source = self.source();
        in_box(|| async move {
            let describe = async {
                let mut connection = source.acquire(span.waiting()).await?;
                DB::connection_describe(&mut connection, sql).await
            };
            let described = describe.await;
            span.end::<DB, _>(described)
        })
    }
}

impl<DB: Database> Pool<DB> {
    /// The number of open connections.
    pub fn size(&self) -> u32 {
        self.inner.size()
    }

    /// The number of open connections that are idle.
    pub fn num_idle(&self) -> usize {
        self.inner.num_idle()
    }

    /// Closes the pool, from now on, and waits until its connections are closed.
    pub fn close(&self) -> impl Future<Output = ()> + '_ {
        self.inner.close()
    }

    /// True once it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Ends once the pool is closed.
    pub fn close_event(&self) -> CloseEvent {
        self.inner.close_event()
    }

    /// The options it was made with.
    pub fn options(&self) -> &PoolOptions<DB> {
        self.inner.options()
    }

    /// The options its connections are opened with, as the application set them.
    pub fn connect_options(&self) -> Arc<OptionsOf<DB>> {
        let configured = self
            .configured
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&configured)
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    pub(crate) fn borrowed_settings(&self) -> Arc<Settings> {
        let made = self.borrowed.get_or_init(|| self.settings.always_loud());
        Arc::clone(made)
    }
}

impl<DB: Database> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            configured: Arc::clone(&self.configured),
            settings: self.settings(),
            borrowed: self.borrowed.clone(),
        }
    }
}

impl<DB: Database> fmt::Debug for Pool<DB> {
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

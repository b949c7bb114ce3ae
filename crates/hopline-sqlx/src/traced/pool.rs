//! Pools. `connection.rs` describes the import circle of the public types.

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hopline_core::{
    Tracer,
    semconv::{OlderNames, SpanNames},
};
use sqlx::pool::{CloseEvent, PoolOptions};
use sqlx::{Connection as _, Database, Error, SqlSafeStr, SqlStr, Transaction as Begun};

use crate::database::{OptionsOf, TracedDatabase};
use crate::log::{configured, silent};
use crate::settings::{QueryText, RawEvents, Settings};
use crate::span::{Control, Spans, StepSpan};
use crate::traced::annotated::Annotated;
use crate::traced::connection::Connection;
use crate::traced::pool_connection::PoolConnection;
use crate::traced::pool_metrics::{Lease, PoolCounts, PoolMetrics};
use crate::traced::source::{ConnectionSource, Leased};
use crate::traced::transaction::Transaction;

/// A pool with a span for each statement and transaction. The [crate](crate) lists the spans and attributes.
///
/// A shared reference is an executor, as with sqlx's pool. Cloning counts references.
///
/// The methods that return `Self` change the settings of the clone that they are called on, and of its later clones.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::SqlitePool;
///
/// let (tracer, spans) = hopline_testing::tracer("orders");
/// let pool = SqlitePool::connect("sqlite::memory:").await?.tracer(tracer);
/// let name: String = sqlx::query_scalar("SELECT 'Ann' WHERE 1 = $1").bind(1).fetch_one(&pool).await?;
/// assert_eq!(name, "Ann");
/// assert_eq!(spans.one("db.query").text("db.query.text"), Some("SELECT ? WHERE ? = $1"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct Pool<DB: Database> {
    inner: sqlx::Pool<DB>,
    /// The connect options as the application set them, with sqlx's log events. Behind a lock because all clones share
    /// them; it is held only to copy or replace a pointer.
    configured: Arc<RwLock<Arc<OptionsOf<DB>>>>,
    spans: Spans,
    /// The factory for borrowed connections, created once.
    borrowed: OnceLock<Spans>,
    /// Shared by clones with the same tracer.
    metrics: Arc<PoolMetrics<DB>>,
}

impl<DB: TracedDatabase> Pool<DB> {
    /// Traces a pool of the application, which may have connections.
    pub(super) fn new(inner: sqlx::Pool<DB>) -> Self {
        let options = inner.connect_options();
        inner.set_connect_options(silent(&*options));
        let raw_events = if inner.size() == 0 {
            RawEvents::Never
        } else {
            // a connection is replaced when it returns to the pool after its lifetime
            let end = inner.options().get_max_lifetime();
            end.and_then(|lifetime| Instant::now().checked_add(lifetime.saturating_mul(2)))
                .map_or(RawEvents::Always, RawEvents::Until)
        };
        Self::with_options(inner, options, raw_events)
    }

    /// Traces a new pool, whose connections are all opened without sqlx's log events.
    pub(super) fn from_start(inner: sqlx::Pool<DB>, options: OptionsOf<DB>) -> Self {
        Self::with_options(inner, Arc::new(options), RawEvents::Never)
    }

    fn with_options(
        inner: sqlx::Pool<DB>,
        options: Arc<OptionsOf<DB>>,
        raw_events: RawEvents,
    ) -> Self {
        let log = configured(&*options);
        let settings = Settings::new(DB::endpoint(&options), log, raw_events);
        Self {
            inner,
            configured: Arc::new(RwLock::new(options)),
            spans: Spans::new(settings),
            metrics: PoolMetrics::new(),
            borrowed: OnceLock::new(),
        }
    }

    /// Creates a pool with default options, and opens its first connection.
    ///
    /// Use [`PoolExt::traced`](crate::PoolExt::traced) on sqlx's `PoolOptions` for other options.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url.parse()?).await
    }

    /// Creates a pool from connect options, and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect_with(options: OptionsOf<DB>) -> Result<Self, Error> {
        let inner = PoolOptions::new().connect_with(silent(&options)).await?;
        Ok(Self::from_start(inner, options))
    }

    /// Creates a pool that opens connections on demand.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid.
    pub fn connect_lazy(url: &str) -> Result<Self, Error> {
        Ok(Self::connect_lazy_with(url.parse()?))
    }

    /// Creates a pool that opens connections on demand, from connect options.
    pub fn connect_lazy_with(options: OptionsOf<DB>) -> Self {
        let inner = PoolOptions::new().connect_lazy_with(silent(&options));
        Self::from_start(inner, options)
    }

    /// Records with this tracer. Defaults to the tracer of the current context, else to the installed one.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        // a pool that was used reports to its former tracer until its clones are dropped
        self.metrics = PoolMetrics::new();
        self.with(|settings| settings.tracer = Some(tracer))
    }

    /// Selects the names of spans. Defaults to `HOPLINE_SPAN_NAMES`.
    #[must_use]
    pub fn span_names(self, names: SpanNames) -> Self {
        self.with(|settings| settings.names = names)
    }

    /// Also records older attribute names. Defaults to `OTEL_SEMCONV_STABILITY_OPT_IN`.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|settings| settings.older_names = names)
    }

    /// Selects the recorded form of a statement's text. Defaults to [`QueryText::Redacted`].
    #[must_use]
    pub fn query_text(self, text: QueryText) -> Self {
        self.with(|settings| settings.text = text)
    }

    /// Sets `db.system.name`, for products that the driver does not distinguish: `mariadb`, `cockroachdb`.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
    /// let (tracer, spans) = hopline_testing::tracer("orders");
    /// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// let pool = pool.tracer(tracer).system("libsql");
    /// sqlx::query("SELECT 1").execute(&pool).await?;
    /// assert_eq!(spans.one("db.query").text("db.system.name"), Some("libsql"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    #[must_use]
    pub fn system(self, name: &'static str) -> Self {
        self.with(|settings| settings.endpoint.system = name)
    }

    /// Records only inside a trace, so that a background loop creates no traces of single statements.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
    /// use hopline_core::{FutureExt, Incoming, SpanBuilder};
    ///
    /// let (tracer, spans) = hopline_testing::tracer("orders");
    /// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// let pool = pool.tracer(tracer.clone()).only_with_parent();
    /// sqlx::query("SELECT 1").execute(&pool).await?;
    /// assert_eq!(spans.all().len(), 0);
    ///
    /// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
    /// sqlx::query("SELECT 1").execute(&pool).in_span(job).await?;
    /// spans.one("db.query").child_of("job");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    #[must_use]
    pub fn only_with_parent(self) -> Self {
        self.with(|settings| settings.only_with_parent = true)
    }

    /// Also records [`acquire`](Pool::acquire), [`ping`](Connection::ping) and
    /// [`open_connection`](Pool::open_connection) as spans.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
    /// let (tracer, spans) = hopline_testing::tracer("orders");
    /// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// let pool = pool.tracer(tracer).connection_spans();
    /// pool.acquire().await?.ping().await?;
    /// let names: Vec<String> = spans.all().into_iter().map(|span| span.name).collect();
    /// assert_eq!(names, ["db.acquire", "db.ping"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    #[must_use]
    pub fn connection_spans(self) -> Self {
        self.with(|settings| settings.connection_spans = true)
    }

    /// Records a wait for a connection of at least `at_least` as a span `db.acquire`, a child of the statement's or BEGIN's
    /// span. The duration of each wait is an attribute of that span in any case.
    #[must_use]
    pub fn wait_spans(self, at_least: Duration) -> Self {
        self.with(|settings| settings.wait_spans = Some(at_least))
    }

    /// Appends `/*traceparent='…'*/` to statements whose span is sampled, so that the database's logs and statistics contain
    /// the trace (sqlcommenter).
    ///
    /// Such a statement is prepared each time, since its text is unique. The drivers of MySQL and SQLite exclude it from
    /// their caches; that of Postgres caches it, and may evict another statement for it (see
    /// [`statement_cache_capacity`](sqlx::postgres::PgConnectOptions::statement_cache_capacity)). A text that contains a
    /// comment, and a prepared [`Statement`](sqlx::Statement), are unchanged.
    #[must_use]
    pub fn trace_comments(self) -> Self {
        self.with(|settings| settings.trace_comments = true)
    }

    /// Keeps sqlx's own log events as they were configured, with the raw text of statements, and writes none in their place.
    #[must_use]
    pub fn statement_logging(self) -> Self {
        self.inner
            .set_connect_options((*self.connect_options()).clone());
        self.with(|settings| settings.sqlx_logs = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        self.spans.change(change);
        self.borrowed = OnceLock::new();
        self
    }

    /// Sets `db.operation.name` for one call. Returns an executor, which takes further attributes.
    pub fn operation<'a>(&self, operation: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).operation(operation)
    }

    /// Sets `db.collection.name` for one call. Returns an executor, which takes further attributes.
    pub fn collection<'a>(&self, collection: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).collection(collection)
    }

    /// Sets `db.query.summary` for one call. Returns an executor, which takes further attributes.
    pub fn summary<'a>(&self, summary: &'a str) -> Annotated<'a, &Self> {
        Annotated::new(self).summary(summary)
    }

    /// sqlx's pool, for libraries that require one. Statements on it have no spans.
    pub fn raw(&self) -> &sqlx::Pool<DB> {
        &self.inner
    }

    /// Acquires a connection from the pool. Waits until one is available, up to sqlx's `acquire_timeout`.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    ///
    /// # Cancellation
    ///
    /// A connection that was already acquired is closed, as by sqlx.
    pub fn acquire(
        &self,
    ) -> impl Future<Output = Result<PoolConnection<DB>, Error>> + Send + 'static + use<DB> {
        let taken = self.take();
        async move { Ok(PoolConnection::new(taken.await?)) }
    }

    /// Acquires a connection, for methods that wrap it in different types.
    pub(super) fn take(
        &self,
    ) -> impl Future<Output = Result<Connection<'static, DB>, Error>> + Send + 'static + use<DB>
    {
        let mut span = self.spans.connection_step(Control::ACQUIRE);
        let (source, spans) = (self.source(), self.spans.clone());
        async move {
            let acquired = source.acquire(span.waiting()).await;
            let leased = span.end::<DB, _>(acquired)?;
            Ok(Connection::pooled(leased, spans))
        }
    }

    /// Acquires an idle connection, if there is one. Never waits, so there is no span.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
    /// let pool = hopline_sqlx::SqlitePool::connect_lazy("sqlite::memory:")?;
    /// assert!(pool.try_acquire().is_none(), "no connection is open yet");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    pub fn try_acquire(&self) -> Option<PoolConnection<DB>> {
        let inner = self.inner.try_acquire()?;
        Some(PoolConnection::new(Connection::pooled(
            Leased::new(inner, self.lease()),
            self.spans.clone(),
        )))
    }

    /// Opens a connection outside of the pool, with the pool's connect options.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn open_connection(&self) -> Result<Connection<'static, DB>, Error> {
        let span = self.spans.connection_step(Control::CONNECT);
        let options = self.inner.connect_options();
        let opened = DB::Connection::connect_with(&options).await;
        Ok(Connection::owned(
            span.end::<DB, _>(opened)?,
            self.spans.clone(),
        ))
    }

    /// Begins a transaction. The span includes the wait for a connection.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn begin(&self) -> Result<Transaction<'static, DB>, Error> {
        self.begun(self.spans.control(Control::BEGIN), None).await
    }

    /// Begins a transaction with a custom statement, such as `BEGIN ISOLATION LEVEL SERIALIZABLE`.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<Transaction<'static, DB>, Error> {
        let statement = statement.into_sql_str();
        let span = self.spans.begin_with(&statement);
        self.begun(span, Some(statement)).await
    }

    /// Begins a transaction on an idle connection, if there is one.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn try_begin(&self) -> Result<Option<Transaction<'static, DB>>, Error> {
        let Some(idle) = self.inner.try_acquire() else {
            return Ok(None);
        };
        let lease = self.lease();
        let span = self.spans.control(Control::BEGIN);
        let begun = span.run::<DB, _>(Begun::begin(idle, None)).await?;
        Ok(Some(Transaction::new(begun, self.spans.clone(), lease)))
    }

    /// Begins a transaction with a custom statement on an idle connection, if there is one.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn try_begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<Option<Transaction<'static, DB>>, Error> {
        let Some(idle) = self.inner.try_acquire() else {
            return Ok(None);
        };
        let lease = self.lease();
        let statement = statement.into_sql_str();
        let span = self.spans.begin_with(&statement);
        let begun = span
            .run::<DB, _>(Begun::begin(idle, Some(statement)))
            .await?;
        Ok(Some(Transaction::new(begun, self.spans.clone(), lease)))
    }

    /// Acquires a connection and begins a transaction.
    async fn begun(
        &self,
        mut span: StepSpan,
        statement: Option<SqlStr>,
    ) -> Result<Transaction<'static, DB>, Error> {
        let (connection, lease) = match self.source().acquire(span.waiting()).await {
            Ok(leased) => leased.into_parts(),
            Err(error) => return span.end::<DB, _>(Err(error)),
        };
        let begun = span
            .run::<DB, _>(Begun::begin(connection, statement))
            .await?;
        Ok(Transaction::new(begun, self.spans.clone(), lease))
    }

    /// Sets the options of connections that are opened from now on, for all clones. Spans keep the pool's first address.
    pub fn set_connect_options(&self, options: OptionsOf<DB>) {
        let set = if self.spans.settings().sqlx_logs {
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

    /// The part of the pool that a call keeps until it has a connection.
    pub(super) fn source(&self) -> ConnectionSource<DB> {
        let wait_spans = self.spans.settings().wait_spans;
        ConnectionSource {
            pool: self.inner.clone(),
            spans: wait_spans.map(|_| self.spans.clone()),
            counts: self.counts(),
        }
    }

    /// The counts of the pool, if there is a meter.
    fn counts(&self) -> Option<Arc<PoolCounts>> {
        self.metrics.counts(&self.inner, self.spans.settings())
    }

    /// The use of a connection that was acquired without a wait.
    fn lease(&self) -> Lease {
        self.counts().map_or(Lease::NONE, |counts| counts.lease())
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

    /// Closes the pool when called. The future waits until all connections are closed.
    pub fn close(&self) -> impl Future<Output = ()> + '_ {
        self.inner.close()
    }

    /// Returns true once the pool is closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// A future that completes when the pool is closed.
    pub fn close_event(&self) -> CloseEvent {
        self.inner.close_event()
    }

    /// The options of the pool.
    pub fn options(&self) -> &PoolOptions<DB> {
        self.inner.options()
    }

    /// The options of its connections, as the application set them.
    pub fn connect_options(&self) -> Arc<OptionsOf<DB>> {
        let configured = self
            .configured
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&configured)
    }

    pub(crate) fn spans(&self) -> &Spans {
        &self.spans
    }

    pub(super) fn borrowed_spans(&self) -> Spans {
        let spans = self
            .borrowed
            .get_or_init(|| self.spans.for_foreign_connections());
        spans.clone()
    }
}

// Here and not beside the type, so that `connection` needs no pools.
impl<'c, DB: TracedDatabase> Connection<'c, DB> {
    /// Traces a borrowed connection with the settings of a pool, such as a connection that a framework passes to a handler.
    pub fn borrowed(connection: &'c mut DB::Connection, like: &Pool<DB>) -> Self {
        Self::over(connection, like.borrowed_spans())
    }
}

impl<DB: Database> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            configured: Arc::clone(&self.configured),
            spans: self.spans.clone(),
            borrowed: self.borrowed.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

impl<DB: Database> fmt::Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("endpoint", &self.spans.settings().endpoint)
            .finish_non_exhaustive()
    }
}

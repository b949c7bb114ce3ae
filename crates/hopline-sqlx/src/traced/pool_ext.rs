//! `.traced()` for pools and the options of pools.

use sqlx::pool::PoolOptions;

use crate::database::TracedDatabase;
use crate::traced::pool::Pool;
use crate::traced::pool_options::TracedPoolOptions;

/// Adds `.traced()` to sqlx's pools and pool options.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::PoolExt;
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// let pool = SqlitePoolOptions::new().max_connections(1).traced().connect("sqlite::memory:").await?;
/// assert_eq!(pool.options().get_max_connections(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub trait PoolExt: PoolOfSqlx09 {
    /// Traces a pool: a span for each statement and transaction. Options become options of a traced pool.
    ///
    /// # sqlx's log
    ///
    /// sqlx logs statements with their raw text to the target `sqlx::query`: all of them at DEBUG and slow ones at WARN,
    /// unless configured by [`log_statements`](sqlx::ConnectOptions::log_statements) and
    /// [`log_slow_statements`](sqlx::ConnectOptions::log_slow_statements). A traced pool writes these events itself, with
    /// the redacted text. Nothing else changes: open connections stay open, and `after_connect` does not run again.
    ///
    /// | connection | `tracing` subscriber | `log` logger only |
    /// |---|---|---|
    /// | opened by the traced pool | redacted events | redacted events |
    /// | open before `.traced()` | redacted events; sqlx's are suppressed | both, until the pool replaces the connection |
    ///
    /// A pool replaces its connections after their [`max_lifetime`](PoolOptions::max_lifetime). A pool that is traced from
    /// the start has no earlier connections: [`Pool::connect`], `PgPoolOptions::new().traced().connect(…)`,
    /// `connect_lazy(…)`.
    ///
    /// [`Pool::statement_logging`] keeps sqlx's events as they are.
    fn traced(self) -> Self::Traced;
}

impl<T: PoolOfSqlx09> PoolExt for T {
    fn traced(self) -> T::Traced {
        self.into_traced()
    }
}

/// The receivers of [`PoolExt::traced`]: `Pool` and `PoolOptions` of sqlx 0.9.
///
/// A separate trait, so that the compiler's message names the remedy if `.traced()` is called on a pool of another
/// version. If several traits with a `.traced()` are in scope, the message contains only the name of this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `.traced()`: hopline does not wrap this type, or this version of it",
    label = "cannot be traced",
    note = "hopline-sqlx wraps the `Pool` and `PoolOptions` of sqlx 0.9; `cargo tree -d -i sqlx-core` shows whether the \
            tree contains another version",
    note = "for a single connection, `use hopline::sqlx::ConnectionExt`"
)]
pub trait PoolOfSqlx09: Sized {
    /// The traced type.
    type Traced;

    /// Converts to the traced type.
    fn into_traced(self) -> Self::Traced;
}

impl<DB: TracedDatabase> PoolOfSqlx09 for sqlx::Pool<DB> {
    type Traced = Pool<DB>;

    fn into_traced(self) -> Pool<DB> {
        Pool::new(self)
    }
}

impl<DB: TracedDatabase> PoolOfSqlx09 for PoolOptions<DB> {
    type Traced = TracedPoolOptions<DB>;

    fn into_traced(self) -> TracedPoolOptions<DB> {
        TracedPoolOptions::new(self)
    }
}

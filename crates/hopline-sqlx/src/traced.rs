//! `.traced()`: from what sqlx has to what is traced.

use std::fmt;
use std::sync::Arc;

use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions, Database, Error};

use crate::connection::Connection;
use crate::database::{OptionsOf, TracedDatabase};
use crate::log::{self, Loud};
use crate::pool::Pool;
use crate::settings::Settings;

/// Adds `.traced()` to pools and to the options of pools.
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
    /// The same pool, with a span for every statement and transaction; of options, the same with the pools that they
    /// make.
    ///
    /// # sqlx's log
    ///
    /// sqlx logs statements with their raw text: all of them at DEBUG and slow ones at WARN, to the target
    /// `sqlx::query`, as [`log_statements`](ConnectOptions::log_statements) and
    /// [`log_slow_statements`](ConnectOptions::log_slow_statements) set it. A traced pool writes these events itself, with
    /// the redacted text. Nothing else changes: connections that are open stay open, and `after_connect` does not run
    /// again.
    ///
    /// A connection that was open before `.traced()` still writes its own events, and cannot be stopped. Where
    /// the process has a `tracing` subscriber, they are held back. Where it has only a logger of the `log` crate, they
    /// arrive beside those of the pool, until the pool has replaced such connections
    /// ([`max_lifetime`](PoolOptions::max_lifetime)). A pool that is traced from the start has no such connections:
    /// [`Pool::connect`], `PgPoolOptions::new().traced().connect(…)`, `connect_lazy(…)`.
    ///
    /// [`Pool::statement_logging`] leaves sqlx's events as they are.
    fn traced(self) -> Self::Traced;
}

impl<T: PoolOfSqlx09> PoolExt for T {
    fn traced(self) -> T::Traced {
        self.into_traced()
    }
}

/// Receivers of [`PoolExt::traced`]: pools and the options of pools, of sqlx 0.9.
///
/// A trait by itself, so that the compiler names the remedy where `.traced()` is called on a pool of another version.
/// Where more traits with a `.traced()` are in scope, it prints this trait's name alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `.traced()`: it is no type, or of no version, that hopline wraps",
    label = "cannot be traced",
    note = "hopline-sqlx wraps the `Pool` and `PoolOptions` of sqlx 0.9; `cargo tree -d -i sqlx-core` shows whether another \
            version is in the tree as well",
    note = "for a single connection, `use hopline::sqlx::ConnectionExt`"
)]
pub trait PoolOfSqlx09: Sized {
    /// The same, traced.
    type Traced;

    /// Makes it traced.
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
        TracedPoolOptions { options: self }
    }
}

/// Options of a pool that is traced from its first connection on; made by [`PoolExt::traced`].
pub struct TracedPoolOptions<DB: Database> {
    options: PoolOptions<DB>,
}

impl<DB: TracedDatabase> TracedPoolOptions<DB> {
    /// Makes a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect(self, url: &str) -> Result<Pool<DB>, Error> {
        self.connect_with(url.parse()?).await
    }

    /// Makes a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect_with(self, options: OptionsOf<DB>) -> Result<Pool<DB>, Error> {
        let inner = self.options.connect_with(silent(&options)).await?;
        Ok(Pool::from_start(inner, options))
    }

    /// Makes a pool that opens connections when they are needed.
    ///
    /// # Errors
    ///
    /// The URL cannot be read.
    pub fn connect_lazy(self, url: &str) -> Result<Pool<DB>, Error> {
        Ok(self.connect_lazy_with(url.parse()?))
    }

    /// Makes a pool that opens connections when they are needed.
    pub fn connect_lazy_with(self, options: OptionsOf<DB>) -> Pool<DB> {
        Pool::from_start(self.options.connect_lazy_with(silent(&options)), options)
    }
}

impl<DB: Database> fmt::Debug for TracedPoolOptions<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedPoolOptions")
            .field("options", &self.options)
            .finish()
    }
}

/// The same without sqlx's log events.
pub(crate) fn silent<O: ConnectOptions>(options: &O) -> O {
    options.clone().disable_statement_logging()
}

/// Traces single connections, without a pool.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::ConnectionExt;
/// use sqlx::{Connection, SqliteConnection};
///
/// let mut connection = SqliteConnection::connect("sqlite::memory:").await?.traced();
/// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await?;
/// assert_eq!(one, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub trait ConnectionExt: sqlx::Connection {
    /// The connection, with a span for every statement. Its address is not known: see
    /// [`ConnectOptionsExt::connect_traced`], and [`Connection::borrowed`] for one of a pool.
    fn traced(self) -> Connection<'static, Self::Database>
    where
        Self: Sized;

    /// The same of one that belongs to somebody else.
    fn traced_mut(&mut self) -> Connection<'_, Self::Database>;
}

impl<C> ConnectionExt for C
where
    C: sqlx::Connection,
    C::Database: TracedDatabase,
{
    fn traced(self) -> Connection<'static, C::Database> {
        Connection::owned(self, unknown::<C::Database>())
    }

    fn traced_mut(&mut self) -> Connection<'_, C::Database> {
        Connection::of(self, unknown::<C::Database>())
    }
}

/// Settings for a connection that the application opened. It may write sqlx's log events.
fn unknown<DB: TracedDatabase>() -> Arc<Settings> {
    let log = log::LogSettings::default();
    Arc::new(Settings::new(DB::unknown_endpoint(), log, Loud::Always))
}

/// Opens traced connections, without a pool.
pub trait ConnectOptionsExt: ConnectOptions {
    /// Opens a connection with a span for every statement.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    fn connect_traced(
        &self,
    ) -> impl Future<
        Output = Result<
            Connection<'static, <Self::Connection as sqlx::Connection>::Database>,
            Error,
        >,
    > + Send
    where
        Self::Connection: Sized;
}

impl<O> ConnectOptionsExt for O
where
    O: ConnectOptions,
    O::Connection: Sized,
    <O::Connection as sqlx::Connection>::Database: TracedDatabase,
{
    async fn connect_traced(
        &self,
    ) -> Result<Connection<'static, <O::Connection as sqlx::Connection>::Database>, Error> {
        let connection = silent(self).connect().await?;
        let endpoint =
            <<O::Connection as sqlx::Connection>::Database as TracedDatabase>::endpoint(self);
        let settings = Settings::new(endpoint, log::configured(self), Loud::No);
        Ok(Connection::owned(connection, Arc::new(settings)))
    }
}

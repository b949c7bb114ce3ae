//! Options of a pool that is traced from its first connection on.

use std::fmt;

use sqlx::pool::PoolOptions;
use sqlx::{Database, Error};

use crate::database::{OptionsOf, TracedDatabase};
use crate::log::silent;
use crate::traced::pool::Pool;

/// Options of a traced pool, returned by [`PoolExt::traced`](crate::PoolExt::traced) on sqlx's `PoolOptions`.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::PoolExt;
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// let options = SqlitePoolOptions::new().max_connections(4).traced();
/// let pool = options.connect_lazy("sqlite::memory:")?;
/// assert_eq!((pool.size(), pool.options().get_max_connections()), (0, 4));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub struct TracedPoolOptions<DB: Database> {
    options: PoolOptions<DB>,
}

impl<DB: TracedDatabase> TracedPoolOptions<DB> {
    pub(super) fn new(options: PoolOptions<DB>) -> Self {
        Self { options }
    }

    /// Creates a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect(self, url: &str) -> Result<Pool<DB>, Error> {
        self.connect_with(url.parse()?).await
    }

    /// Creates a pool and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect_with(self, options: OptionsOf<DB>) -> Result<Pool<DB>, Error> {
        let inner = self.options.connect_with(silent(&options)).await?;
        Ok(Pool::from_start(inner, options))
    }

    /// Creates a pool that opens connections on demand.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid.
    pub fn connect_lazy(self, url: &str) -> Result<Pool<DB>, Error> {
        Ok(self.connect_lazy_with(url.parse()?))
    }

    /// Creates a pool that opens connections on demand.
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

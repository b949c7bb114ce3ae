//! The product that a URL names at run time: traced types by the names and paths that sqlx has for its own.
//!
//! Product, dialect and address are those of the driver that the URL's scheme names. Its feature must be enabled, else
//! the product is recorded as `other_sql` and statements are redacted as in an unknown dialect.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::AnyPool;
//!
//! sqlx::any::install_default_drivers();
//! let (tracer, spans) = hopline_testing::tracer("orders");
//! let pool = AnyPool::connect("sqlite::memory:").await?.tracer(tracer);
//! sqlx::query("SELECT 1").execute(&pool).await?;
//! assert_eq!(spans.one("db.query").text("db.system.name"), Some("sqlite"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! ```

use sqlx::Any;

use crate::traced::connection::Connection;
use crate::traced::pool::Pool;
use crate::traced::transaction::Transaction;

/// A traced pool of connections whose product the URL names.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::{AnyPool, PoolExt};
/// use sqlx::any::AnyPoolOptions;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> sqlx::Result<()> {
/// let pool: AnyPool = AnyPoolOptions::new().connect_lazy("sqlite::memory:")?.traced();
/// assert_eq!(pool.size(), 0); // its first statement connects
/// # Ok(())
/// # }
/// ```
pub type AnyPool = Pool<Any>;
/// A traced connection to the product that the URL names. Replaces sqlx's `AnyConnection` in the signatures of functions.
pub type AnyConnection<'c> = Connection<'c, Any>;
/// A traced transaction of the product that the URL names.
pub type AnyTransaction<'c> = Transaction<'c, Any>;

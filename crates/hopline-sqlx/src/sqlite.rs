//! SQLite: traced types by the names and paths that sqlx has for its own.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::SqlitePool;
//! use hopline_sqlx::sqlite::SqliteConnection;
//!
//! async fn one(db: &mut SqliteConnection<'_>) -> Result<i64, sqlx::Error> {
//!     sqlx::query_scalar("SELECT 1").fetch_one(&mut *db).await
//! }
//!
//! let pool = SqlitePool::connect("sqlite::memory:").await?;
//! let mut tx = pool.begin().await?;
//! assert_eq!(one(&mut tx).await?, 1);
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! sqlx executes SQLite's statements on a separate thread. Spans are recorded on the caller's side and include the time
//! until that thread is free.

use sqlx::Sqlite;

use crate::traced::connection::Connection;
use crate::traced::pool::Pool;
use crate::traced::transaction::Transaction;

/// A traced pool of SQLite connections.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::{PoolExt, SqlitePool};
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> sqlx::Result<()> {
/// let pool: SqlitePool = SqlitePoolOptions::new().connect_lazy("sqlite::memory:")?.traced();
/// assert_eq!(pool.size(), 0); // its first statement connects
/// # Ok(())
/// # }
/// ```
pub type SqlitePool = Pool<Sqlite>;
/// A traced connection to SQLite. Replaces sqlx's `SqliteConnection` in the signatures of functions.
pub type SqliteConnection<'c> = Connection<'c, Sqlite>;
/// A traced transaction of SQLite.
pub type SqliteTransaction<'c> = Transaction<'c, Sqlite>;

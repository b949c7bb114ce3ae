//! PostgreSQL: traced types by the names and paths that sqlx has for its own.
//!
//! `use sqlx::postgres::{PgConnection, PgListener}` becomes `use hopline_sqlx::postgres::{PgConnection, PgListener}`.
//!
//! | sqlx | traced |
//! |---|---|
//! | `sqlx::PgPool` | [`PgPool`], also at the crate's root |
//! | `sqlx::postgres::PgConnection`, `sqlx::PgConnection` | [`PgConnection`] |
//! | `sqlx::PgTransaction` | [`PgTransaction`] |
//! | `sqlx::postgres::PgListener` | [`PgListener`] |
//! | `sqlx::postgres::PgCopyIn` | [`PgCopyIn`], by [`copy_in_raw`](PgPool::copy_in_raw) |
//!
//! ```no_run
//! # // needs a server
//! use hopline_sqlx::PgPool;
//! use hopline_sqlx::postgres::PgConnection;
//!
//! async fn insert(db: &mut PgConnection<'_>, name: &str) -> Result<i64, sqlx::Error> {
//!     let insert = "INSERT INTO users (name) VALUES ($1) RETURNING id";
//!     sqlx::query_scalar(insert).bind(name).fetch_one(&mut *db).await
//! }
//!
//! # async fn run() -> Result<(), sqlx::Error> {
//! let pool = PgPool::connect("postgres://localhost/shop").await?;
//! let mut tx = pool.begin().await?;
//! insert(&mut tx, "Ann").await?; // db.query  INSERT users
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```

mod copy;
mod listener;

pub use copy::PgCopyIn;
pub use listener::PgListener;
use sqlx::Postgres;

use crate::traced::connection::Connection;
use crate::traced::pool::Pool;
use crate::traced::transaction::Transaction;

/// A traced pool of PostgreSQL connections.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::{PgPool, PoolExt};
/// use sqlx::postgres::PgPoolOptions;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> sqlx::Result<()> {
/// let pool: PgPool = PgPoolOptions::new().connect_lazy("postgres://shop@db.example/shop")?.traced();
/// assert_eq!(pool.size(), 0); // its first statement connects
/// # Ok(())
/// # }
/// ```
pub type PgPool = Pool<Postgres>;
/// A traced connection to PostgreSQL. Replaces sqlx's `PgConnection` in the signatures of functions.
pub type PgConnection<'c> = Connection<'c, Postgres>;
/// A traced transaction of PostgreSQL.
pub type PgTransaction<'c> = Transaction<'c, Postgres>;

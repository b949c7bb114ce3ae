//! Distributed tracing for sqlx: a span for every statement and transaction, with redacted text.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::PoolExt;
//! use sqlx::SqlitePool;
//!
//! let pool = SqlitePool::connect("sqlite::memory:").await?.traced();
//! let (one,): (i64,) = sqlx::query_as("SELECT 1").fetch_one(&pool).await?;
//!
//! let mut tx = pool.begin().await?;
//! sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&mut *tx).await?;
//! tx.commit().await?;
//! # assert_eq!(one, 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! ```
//!
//! ```text
//! POST /orders ▸ orders  201                    14 ms  ████████████████████████
//! ├─ db.begin ▸ postgresql                     0.4 ms  █
//! ├─ db.query  INSERT orders ▸ postgresql      2.1 ms    ████
//! ├─ db.query  INSERT lines ▸ postgresql       6.3 ms        ███████████
//! └─ db.commit ▸ postgresql                    4.8 ms                   █████
//! ```
//!
//! What worked with the pool works with the traced one: `query`, `query_as`, `query_scalar`, the checked
//! macros, `QueryBuilder`, `raw_sql`, streams, and functions generic over `Executor`.
//!
//! # Spans
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::SpanNames) | for |
//! |---|---|---|
//! | `db.query` | the summary: `SELECT orders` | a statement |
//! | `db.prepare` | the summary | an explicit prepare |
//! | `db.begin`, `db.commit`, `db.rollback` | `BEGIN`, `COMMIT`, `ROLLBACK` | a transaction |
//! | `db.savepoint`, `db.release`, `db.rollback_to` | `SAVEPOINT`, … | one inside another |
//!
//! | attribute | value |
//! |---|---|
//! | `db.system.name`, `db.namespace` | the product and the database, as the pool was configured |
//! | `server.address`, `server.port` | where it is; the port if it is not the product's usual one |
//! | `db.query.text`, `db.query.summary` | see [`redact`] |
//! | `db.response.returned_rows` | rows that came back |
//! | `hopline.db.affected_rows` | rows that a write changed |
//! | `hopline.db.pool_wait_ms` | how long the pool let a statement wait for a connection |
//! | `hopline.db.completed` = `false` | the result was not read to its end, or the call was dropped |
//! | `db.response.status_code`, `error.type` | of an error: its SQLSTATE or the vendor's code, else its class |
//!
//! An error's message is never recorded: databases quote values in it. No row found is no error.
//!
//! # How to change it
//!
//! By the methods of [`Pool`]: a tracer, other names, [what is recorded of the text](QueryText).
//!
//! # What it will not do
//!
//! * It gives no way around itself but [`Pool::raw`] and [`Connection::raw_mut`]: what is done through them
//!   (COPY, LISTEN, migrations) is not traced.
//! * sqlx's own log events carry the raw text of statements. `traced()` turns them off for connections that
//!   are opened from then on; one that is open already keeps logging.
//! * It cannot time the rollback of a transaction that was dropped; the current span says that one was.
//! * It does not see rows that fail to decode: that is above the executor.

mod call;
mod connection;
mod database;
mod pool;
mod record;
mod redact;
mod settings;
mod stream;
mod transaction;

pub use call::Call;
pub use connection::Connection;
pub use database::{Dialect, Endpoint, Step, TracedDatabase};
pub use pool::{Pool, PoolExt};
pub use redact::{Redacted, redact};
pub use settings::QueryText;
pub use transaction::Transaction;

/// A traced pool of PostgreSQL connections.
#[cfg(feature = "postgres")]
pub type PgPool = Pool<sqlx::Postgres>;
/// A traced pool of SQLite connections.
#[cfg(feature = "sqlite")]
pub type SqlitePool = Pool<sqlx::Sqlite>;
/// A traced pool of MySQL or MariaDB connections.
#[cfg(feature = "mysql")]
pub type MySqlPool = Pool<sqlx::MySql>;

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

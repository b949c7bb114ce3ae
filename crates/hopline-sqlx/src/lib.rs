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
//! macros, `QueryBuilder`, `raw_sql`, prepared statements, streams, savepoints, and functions generic over
//! `Executor`. A function that takes `&mut PgConnection` takes `&mut` [`Connection<'_, Postgres>`](Connection)
//! instead, and is called with `&mut connection` or `&mut *tx` as before.
//!
//! # Spans
//!
//! All are of kind CLIENT.
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::SpanNames) | for |
//! |---|---|---|
//! | `db.query` | the summary: `SELECT orders` | a statement |
//! | `db.prepare` | the summary | an explicit prepare |
//! | `db.begin`, `db.commit`, `db.rollback` | `BEGIN`, `COMMIT`, `ROLLBACK` | a transaction |
//! | `db.savepoint`, `db.release`, `db.rollback_to` | `SAVEPOINT`, … | one inside another |
//! | `db.acquire` | `ACQUIRE` | a [long wait](Pool::wait_spans) for a connection; [each](Pool::connection_spans) `acquire` |
//! | `db.ping`, `db.connect` | `PING`, `CONNECT` | those, where [asked for](Pool::connection_spans) |
//!
//! A transaction that is dropped without commit or rollback leaves an event `transaction dropped` on the span that
//! is current then.
//!
//! # Attributes
//!
//! Names as in the OpenTelemetry semantic conventions, v1.44; what those lack begins with `hopline.`.
//!
//! | attribute | value |
//! |---|---|
//! | `db.system.name`, `db.namespace` | the product and the database, as the pool was configured |
//! | `server.address`, `server.port` | where it is, or the path of its socket; the port if it is not the product's usual one |
//! | `db.query.text`, `db.query.summary` | see [`redact`] |
//! | `db.operation.name` | of a step without a text: `BEGIN`, `COMMIT`, `SAVEPOINT`; else what the [application sets](Pool::operation) |
//! | `db.collection.name` | what the [application sets](Pool::collection); neither is ever read from the text |
//! | `db.stored_procedure.name` | of a statement that is one CALL |
//! | `db.operation.batch.size` | of a text of several statements, how many |
//! | `db.response.returned_rows` | rows that came back |
//! | `hopline.db.affected_rows` | rows that a write changed |
//! | `hopline.db.pool_wait_ms` | how long the pool let it wait for a connection, in milliseconds |
//! | `hopline.db.completed` = `false` | the result was not read to its end, or the call was dropped |
//! | `db.response.status_code`, `error.type` | of an error: SQLSTATE, MySQL's number or SQLite's code, else its class |
//! | `db.system`, `db.name`, `db.statement` | with [`older_names`](Pool::older_names) |
//!
//! Classes of errors that are not the database's: `pool_timed_out`, `pool_closed`, `io`, `tls`, `protocol`, `encode`,
//! `decode`, `column_not_found`, `type_not_found`, `configuration`, `begin`, `any_driver`, `worker_crashed`, `_OTHER`.
//! An error's message is never recorded: databases quote values in it. No row found is no error.
//!
//! # How to change it
//!
//! By the methods of [`Pool`]:
//!
//! | for | there is |
//! |---|---|
//! | another tracer, other names | [`tracer`](Pool::tracer), [`span_names`](Pool::span_names), [`older_names`](Pool::older_names), [`system`](Pool::system) |
//! | no text, or the text as it is | [`query_text`](Pool::query_text) |
//! | one call's operation, collection, summary | [`operation`](Pool::operation), [`collection`](Pool::collection), [`summary`](Pool::summary), also of a [`Connection`] |
//! | more spans | [`wait_spans`](Pool::wait_spans), [`connection_spans`](Pool::connection_spans) |
//! | fewer spans | [`only_with_parent`](Pool::only_with_parent) |
//! | the trace in the database's own logs | [`trace_comments`](Pool::trace_comments) (sqlcommenter) |
//! | sqlx's own log events | [`statement_logging`](Pool::statement_logging) |
//!
//! # Where it differs from the conventions
//!
//! They would have the text of a statement with bound values as it is. `WHERE tenant = 'x' AND id = $1` has such
//! values and a literal as well, so here all text is redacted; [`QueryText::VerbatimIfParameterised`] is their way.
//!
//! # What it will not do
//!
//! * It gives no way around itself but [`Pool::raw`] and [`Connection::raw_mut`]: what is done through them
//!   (COPY, LISTEN, `migrate!`) is not traced. It implements no `Acquire`, behind which nothing would be.
//! * It cannot time the rollback of a transaction that was dropped: the connection does it before its next use. Nor
//!   can it see when a pool opens a connection of its own accord: that is part of the wait.
//! * It does not see rows that fail to decode: that is above the executor.
//! * It records no bound values (`db.query.parameter.…`) and no address of the peer's socket: sqlx shows neither.
//! * sqlx's log events, with the raw text, are turned off for connections opened from `traced()` on; see
//!   [`PoolExt::traced`] for those that are open already.
//! * MySQL's driver does not say that a server is MariaDB; [`Pool::system`] does.

mod annotated;
mod call;
mod connection;
mod database;
mod executor;
mod pool;
mod record;
mod redact;
mod settings;
mod source;
mod statement;
mod stream;
mod transaction;
mod wait;

pub use annotated::Annotated;
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
/// A traced pool of connections whose product the URL names.
#[cfg(feature = "any")]
pub type AnyPool = Pool<sqlx::Any>;
/// A traced pool of MySQL or MariaDB connections.
#[cfg(feature = "mysql")]
pub type MySqlPool = Pool<sqlx::MySql>;

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

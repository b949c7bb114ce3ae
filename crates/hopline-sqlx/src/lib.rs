//! Distributed tracing for sqlx: a span for every statement and transaction, with redacted text.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::SqlitePool; // instead of sqlx::SqlitePool
//!
//! let pool = SqlitePool::connect("sqlite::memory:").await?;
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
//! A pool that sqlx made becomes traced by [`traced()`](PoolExt::traced), and so do the options of one:
//! `PgPoolOptions::new().max_connections(8).traced().connect(url)`.
//!
//! ```text
//! POST /orders ▸ orders  201                    14 ms  ████████████████████████
//! ├─ db.begin ▸ postgresql                     0.4 ms  █
//! ├─ db.query  INSERT orders ▸ postgresql      2.1 ms    ████
//! ├─ db.query  INSERT lines ▸ postgresql       6.3 ms        ███████████
//! └─ db.commit ▸ postgresql                    4.8 ms                   █████
//! ```
//!
//! The traced pool supports the API of sqlx's pool: `query`, `query_as`, `query_scalar`, the checked macros,
//! `QueryBuilder`, `raw_sql`, prepared statements, streams, transactions, savepoints, and functions generic over
//! `Executor`. The types in the signatures of functions are these:
//!
//! | sqlx | here |
//! |---|---|
//! | `PgPool`, `Pool<DB>` | [`PgPool`], [`Pool<DB>`](Pool) |
//! | `&mut PgConnection` | `&mut` [`PgConnection`], which is [`Connection<'_, Postgres>`](Connection) |
//! | `PoolConnection<Postgres>`, `Transaction<'_, Postgres>` | [`PoolConnection<Postgres>`](PoolConnection), [`Transaction<'_, Postgres>`](Transaction) |
//! | `impl Acquire<'_, Database = Postgres>` | `impl` [`Acquire<'_, Database = Postgres>`](Acquire) |
//! | `migrate!().run(&pool)` | `pool.migrate(&migrate!())`, with the feature `migrate` |
//! | `PgListener::connect_with(&pool)`, `pool.copy_in_raw(…)` | the same: [`PgListener`], [`Pool::copy_in_raw`](PgPool::copy_in_raw) |
//! | a `PgPool` for others: session stores, job queues | [`pool.raw()`](Pool::raw), which is not traced |
//! | a `PgConnection` for others: `PgAdvisoryLock` | [`connection.raw_mut()`](Connection::raw_mut), which is not traced |
//!
//! Code that has to keep sqlx's types gets spans from sqlx's own events by [`EventSpans`], with the feature `events`.
//!
//! Unsupported uses do not compile, and the compiler's message names the remedy. A pool without
//! `.traced()`, or mismatched types of one name: two versions of sqlx are in the tree, and `cargo tree -d -i sqlx-core`
//! shows the dependents of each. This crate wraps sqlx 0.9. `missing: describe` in a driver's crate: turn on the feature of that
//! driver here too.
//!
//! # Spans
//!
//! All are of kind CLIENT.
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::SpanNames) | for |
//! |---|---|---|
//! | `db.query` | the summary: `SELECT orders` | a statement |
//! | `db.prepare`, `db.describe` | the summary | an explicit prepare, `Executor::describe` |
//! | `db.migrate` | the summary | a [migration](Pool::migrate) |
//! | `db.begin`, `db.commit`, `db.rollback` | `BEGIN`, `COMMIT`, `ROLLBACK` | a transaction |
//! | `db.savepoint`, `db.release`, `db.rollback_to` | `SAVEPOINT`, … | one inside another |
//! | `db.acquire` | `ACQUIRE` | a [long wait](Pool::wait_spans) for a connection; [each](Pool::connection_spans) `acquire` |
//! | `db.ping`, `db.connect` | `PING`, `CONNECT` | [`ping`](Connection::ping) and [`open_connection`](Pool::open_connection), with [`connection_spans`](Pool::connection_spans) |
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
//! | `db.query.text`, `db.query.summary` | see [`redact`](redact::redact) |
//! | `db.operation.name` | of a step without a text: `BEGIN`, `COMMIT`, `SAVEPOINT`; else what the [application sets](Pool::operation) |
//! | `db.collection.name` | what the [application sets](Pool::collection); neither is ever read from the text |
//! | `db.stored_procedure.name` | of a statement that is one CALL |
//! | `db.operation.batch.size` | of a text of several statements, how many |
//! | `db.response.returned_rows` | rows that came back |
//! | `hopline.db.affected_rows` | rows that a write changed |
//! | `hopline.db.pool_wait_ms` | how long the pool let it wait for a connection, in milliseconds |
//! | `hopline.db.migration` | the version of a migration |
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
//! # What it changes
//!
//! Nothing but sqlx's statement log: a traced pool writes those events with redacted text, and sqlx's own are turned off
//! for the connections that are opened from then on. [`PoolExt::traced`] describes it.
//!
//! # What it does not do
//!
//! * What is done through [`Pool::raw`] and [`Connection::raw_mut`] is not traced. sqlx's own `Acquire` is not implemented,
//!   since nothing behind it would be: the compiler's message names [`Acquire`] and [`Pool::migrate`](Pool::migrate).
//! * The rollback of a transaction that was dropped has no span: the connection does it before its next use. Nor has a
//!   connection that a pool opens of its own accord: that is part of the wait.
//! * Rows that fail to decode are not errors of a span: that is above the executor.
//! * It records no bound values (`db.query.parameter.…`) and no address of the peer's socket: sqlx shows neither.
//! * MySQL's driver does not distinguish MariaDB from MySQL; [`Pool::system`] does.

#[cfg(feature = "any")]
pub mod any;
pub mod database;
#[cfg(feature = "events")]
mod events;
mod log;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod redact;
mod settings;
mod span;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod traced;

#[cfg(feature = "any")]
pub use any::AnyPool;
pub use database::TracedDatabase;
#[cfg(feature = "events")]
pub use events::EventSpans;
#[cfg(feature = "mysql")]
pub use mysql::MySqlPool;
#[cfg(feature = "postgres")]
pub use postgres::PgPool;
pub use settings::QueryText;
#[cfg(feature = "sqlite")]
pub use sqlite::SqlitePool;
pub use traced::{
    Acquire, ConnectOptionsExt, Connection, ConnectionExt, Pool, PoolConnection, PoolExt,
    Transaction,
};

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

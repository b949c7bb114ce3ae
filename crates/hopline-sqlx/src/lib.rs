//! Distributed tracing for sqlx: a span for each statement and transaction, with redacted text.
//!
//! # Start
//!
//! Replace sqlx's pool with the traced pool of the same name:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_sqlx::SqlitePool; // instead of sqlx::SqlitePool
//!
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! let pool = SqlitePool::connect("sqlite::memory:").await?;
//! # let pool = pool.tracer(tracer);
//! let (one,): (i64,) = sqlx::query_as("SELECT 1").fetch_one(&pool).await?;
//! assert_eq!(one, 1);
//! # hopline_testing::assert_tree(&spans.all(), "db.query  SELECT ▸ orders");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! ```
//!
//! ```text
//! db.query  SELECT ▸ orders                    60 µs  █
//! ```
//!
//! A pool that sqlx created becomes traced by [`traced()`](PoolExt::traced), and so do pool options:
//! `PgPoolOptions::new().max_connections(8).traced().connect(url)`.
//!
//! # Transactions and functions
//!
//! A repository function takes a pool, a connection or a transaction, as with sqlx. Spans are children of the current span:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use hopline_core::{FutureExt, Incoming, SpanBuilder};
//! use hopline_sqlx::{Acquire, SqlitePool};
//! use sqlx::Sqlite;
//!
//! async fn place(db: impl Acquire<'_, Database = Sqlite>, lines: &[&str]) -> Result<(), sqlx::Error> {
//!     let mut tx = db.begin().await?;
//!     sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut *tx).await?;
//!     for line in lines {
//!         sqlx::query("INSERT INTO lines VALUES (1, $1)").bind(line).execute(&mut *tx).await?;
//!     }
//!     tx.commit().await
//! }
//!
//! let (tracer, spans) = hopline_testing::tracer("orders");
//! let pool = SqlitePool::connect("sqlite::memory:").await?;
//! # sqlx::raw_sql("CREATE TABLE orders (id); CREATE TABLE lines (id, item)").execute(pool.raw()).await?;
//! let request = SpanBuilder::new("POST /orders").tracer(&tracer).parent(Incoming::default()).start();
//! place(&pool, &["tea"]).in_span(request).await?;
//!
//! let insert = &spans.named("db.query")[1];
//! assert_eq!(insert.text("db.query.text"), Some("INSERT INTO lines VALUES (?)"));
//! hopline_testing::assert_tree(&spans.all(), "
//! POST /orders ▸ orders
//! ├─ db.begin ▸ sqlite
//! ├─ db.query  INSERT orders ▸ sqlite
//! ├─ db.query  INSERT lines ▸ sqlite
//! └─ db.commit ▸ sqlite
//! ");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! ```
//!
//! # Settings
//!
//! The methods of [`Pool`] change its spans. Here: conventional names, spans for waits, and a summary for one call:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
//! use std::time::Duration;
//!
//! use hopline_core::semconv::SpanNames;
//! use hopline_sqlx::SqlitePool;
//!
//! let (tracer, spans) = hopline_testing::tracer("orders");
//! let pool = SqlitePool::connect("sqlite::memory:")
//!     .await?
//!     .tracer(tracer)
//!     .span_names(SpanNames::Conventions)
//!     .wait_spans(Duration::ZERO);
//! sqlx::query("SELECT 'Ann'").execute(pool.summary("find customer")).await?;
//!
//! hopline_testing::assert_tree(&spans.all(), "
//! find customer ▸ orders
//! └─ ACQUIRE ▸ sqlite
//! ");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! ```
//!
//! | for | method |
//! |---|---|
//! | another tracer, other names | [`tracer`](Pool::tracer), [`span_names`](Pool::span_names), [`older_names`](Pool::older_names), [`system`](Pool::system) |
//! | no text, or unchanged text | [`query_text`](Pool::query_text) |
//! | operation, collection, summary of one call | [`operation`](Pool::operation), [`collection`](Pool::collection), [`summary`](Pool::summary), also of a [`Connection`] |
//! | more spans | [`wait_spans`](Pool::wait_spans), [`connection_spans`](Pool::connection_spans) |
//! | fewer spans | [`only_with_parent`](Pool::only_with_parent) |
//! | the trace in the database's logs | [`trace_comments`](Pool::trace_comments) (sqlcommenter) |
//! | sqlx's own log events | [`statement_logging`](Pool::statement_logging) |
//!
//! # Types
//!
//! The traced pool supports the API of sqlx's pool: `query`, `query_as`, `query_scalar`, the checked macros, `QueryBuilder`,
//! `raw_sql`, prepared statements, streams, transactions, savepoints, and functions generic over `Executor`. Signatures of
//! functions change as follows:
//!
//! | sqlx | here |
//! |---|---|
//! | `PgPool`, `Pool<DB>` | `PgPool`, [`Pool<DB>`](Pool) |
//! | `&mut PgConnection` | `&mut postgres::PgConnection`, which is [`Connection<'_, Postgres>`](Connection) |
//! | `PoolConnection<Postgres>`, `Transaction<'_, Postgres>` | [`PoolConnection<Postgres>`](PoolConnection), [`Transaction<'_, Postgres>`](Transaction) |
//! | `impl Acquire<'_, Database = Postgres>` | `impl` [`Acquire<'_, Database = Postgres>`](Acquire) |
//! | `migrate!().run(&pool)` | `pool.migrate(&migrate!())`, with the feature `migrate` |
//! | `postgres::PgListener`, `pool.copy_in_raw(…)` | the same path, the same method |
//! | a `PgPool` for another library: session stores, job queues | [`pool.raw()`](Pool::raw), without spans |
//! | a `PgConnection` for another library: `PgAdvisoryLock` | [`connection.raw_mut()`](Connection::raw_mut), without spans |
//!
//! Code that has to keep sqlx's types gets spans from sqlx's own events by the layer `EventSpans`, with the feature
//! `events`.
//!
//! Unsupported uses do not compile, and the compiler's message names the remedy. If a pool has no `.traced()`, or types of the
//! same name do not match, the tree contains two versions of sqlx: `cargo tree -d -i sqlx-core` shows the dependents of each.
//! This crate wraps sqlx 0.9. If the message is `missing: describe` in a driver's crate, enable the feature of that driver
//! here, too.
//!
//! # Spans
//!
//! All have the kind CLIENT.
//!
//! | name | with [`SpanNames::Conventions`](hopline_core::semconv::SpanNames) | for |
//! |---|---|---|
//! | `db.query` | the summary: `SELECT orders` | a statement |
//! | `db.prepare`, `db.describe` | the summary | an explicit prepare, `Executor::describe` |
//! | `db.migrate` | the summary | a migration by `Pool::migrate` |
//! | `db.begin`, `db.commit`, `db.rollback` | `BEGIN`, `COMMIT`, `ROLLBACK` | a transaction |
//! | `db.savepoint`, `db.release`, `db.rollback_to` | `SAVEPOINT`, … | a nested transaction |
//! | `db.acquire` | `ACQUIRE` | a [long wait](Pool::wait_spans) for a connection; [each](Pool::connection_spans) `acquire` |
//! | `db.ping`, `db.connect` | `PING`, `CONNECT` | [`ping`](Connection::ping) and [`open_connection`](Pool::open_connection), with [`connection_spans`](Pool::connection_spans) |
//!
//! A transaction that is dropped without commit or rollback records an event `transaction dropped` on the current span.
//!
//! # Attributes
//!
//! Names are those of the OpenTelemetry semantic conventions, v1.44. Other names begin with `hopline.`.
//!
//! | attribute | value |
//! |---|---|
//! | `db.system.name`, `db.namespace` | the product and the database, from the connect options |
//! | `server.address`, `server.port` | the host or the path of the socket; the port if it is not the product's default |
//! | `db.query.text`, `db.query.summary` | the redacted text and its summary: see [`redact`] |
//! | `db.operation.name` | of a step without a text: `BEGIN`, `COMMIT`, `SAVEPOINT`; else the value that the [application sets](Pool::operation) |
//! | `db.collection.name` | the value that the [application sets](Pool::collection); never derived from the text |
//! | `db.stored_procedure.name` | of a text that is a single CALL |
//! | `db.operation.batch.size` | the number of statements in a text of several |
//! | `db.response.returned_rows` | the number of returned rows |
//! | `hopline.db.affected_rows` | the number of rows that a write changed |
//! | `hopline.db.pool_wait_ms` | the wait for a connection, in milliseconds |
//! | `hopline.db.migration` | the version of a migration |
//! | `hopline.db.completed` = `false` | the result was not read to its end, or the call was dropped |
//! | `db.response.status_code`, `error.type` | of an error: SQLSTATE, MySQL's number or SQLite's code, else its class |
//! | `db.system`, `db.name`, `db.statement` | with [`older_names`](Pool::older_names) |
//!
//! # Outcomes
//!
//! | outcome | status | `error.type` |
//! |---|---|---|
//! | success, no row found, a row that does not decode | unset | |
//! | an error of the database | error | its code |
//! | another error of sqlx | error | `pool_timed_out`, `pool_closed`, `io`, `tls`, `protocol`, `encode`, `decode`, `column_not_found`, `type_not_found`, `configuration`, `begin`, `any_driver`, `worker_crashed`, `_OTHER` |
//! | dropped before its end | unset, `hopline.db.completed` = `false` | |
//!
//! An error's message is never recorded, since databases quote values in it.
//!
//! # Metrics
//!
//! With a [meter](hopline_core::TracerBuilder::meter), such as that of `hopline-metrics`, each statement and step is counted,
//! recorded or not. The duration of a recorded one is that of its span.
//!
//! | instrument | unit | for |
//! |---|---|---|
//! | `db.client.operation.duration` | s | each statement and step of the table of spans, except `db.acquire`, `db.ping` and `db.connect` |
//! | `db.client.response.returned_rows` | `{row}` | each result that was read to its end |
//! | `db.client.connection.count` | `{connection}` | open connections, with `db.client.connection.state` = `idle` or `used` |
//! | `db.client.connection.max`, `.idle.min` | `{connection}` | the pool's options |
//! | `db.client.connection.pending_requests` | `{request}` | calls that wait for a connection |
//! | `db.client.connection.timeouts` | `{timeout}` | calls that failed with `PoolTimedOut` |
//! | `db.client.connection.wait_time` | s | each connection that was obtained after a wait, also of 0 s |
//! | `db.client.connection.use_time` | s | each connection, until it returns to the pool or is detached |
//!
//! The first two have the attributes `db.system.name`, `db.namespace`, `db.operation.name`, `db.collection.name`,
//! `db.response.status_code`, `error.type`, `server.address` and `server.port`. Operation and collection are those that the
//! application sets, else the first word of the summary, and its second word if a SELECT, INSERT, UPDATE, DELETE, MERGE,
//! REPLACE or COPY has one table. Text is no attribute.
//!
//! The others have `db.client.connection.pool.name`: address, port and database, such as `db.internal:5433/shop`. Values of pools
//! with the same name are added up. A pool registers with the meter of its [tracer](Pool::tracer), else with that of the installed
//! tracer, when it is used for the first time; after its drop or [`close`](Pool::close) its values are absent.
//!
//! sqlx has no limit of idle connections, and does not show how long it opens a connection, so there is no `idle.max` and no
//! `create_time`. Connections that [`Pool::raw`] hands out, COPY of a pool and listeners are part of `count` only, and
//! statements of `EventSpans` are not measured. Nothing is measured in a [muted](hopline_core::Context::muted) context.
//!
//! # Differences from the conventions
//!
//! The conventions record the unchanged text of a statement with bound values. `WHERE tenant = 'x' AND id = $1` has such values
//! and a literal as well, so this crate redacts all text. [`QueryText::VerbatimIfParameterised`] is the conventional
//! behaviour.
//!
//! # Side effects
//!
//! Only sqlx's statement log changes: a traced pool writes these events with redacted text, and disables sqlx's own for
//! connections that it opens. [`PoolExt::traced`] describes the details.
//!
//! # Limitations
//!
//! * Statements on [`Pool::raw`] and [`Connection::raw_mut`] have no spans. sqlx's own `Acquire` is not implemented, since it
//!   would return such a connection: the compiler's message names [`Acquire`] and `Pool::migrate`.
//! * The rollback of a dropped transaction has no span: the connection executes it before its next use. Neither has a
//!   connection that the pool opens, which is part of the wait.
//! * Rows that do not decode are no errors of a span: they are decoded above the executor.
//! * Bound values (`db.query.parameter.…`) and the address of the peer's socket are not recorded: sqlx exposes neither.
//! * MySQL's driver does not distinguish MariaDB from MySQL. Set the product with [`Pool::system`].
//!
//! # Modules
//!
//! [`redact`] redacts statements for other purposes. [`database`] contains what implementers of [`TracedDatabase`] need. [`traced`]
//! contains the types that an application seldom names. A module for each database has the names that sqlx has for it.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "any")]
pub mod any;
pub mod database;
#[cfg(feature = "events")]
mod events;
mod log;
mod metrics;
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
pub use traced::acquire::Acquire;
pub use traced::connection::Connection;
pub use traced::connection_ext::{ConnectOptionsExt, ConnectionExt};
pub use traced::pool::Pool;
pub use traced::pool_connection::PoolConnection;
pub use traced::pool_ext::PoolExt;
pub use traced::transaction::Transaction;

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

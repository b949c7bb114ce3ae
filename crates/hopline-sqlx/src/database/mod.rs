//! Database products: how a driver of sqlx is traced.
//!
//! The traced types are generic over [`TracedDatabase`]. This module contains the trait, the types that its
//! implementations use, and the implementations for sqlx's own drivers.
//!
//! # Implementing it for another driver
//!
//! All types in the trait's signatures are available here or in sqlx. Each `connection_…` function is one call of the
//! driver's [`Executor`](sqlx::Executor). These bodies compile for any driver, and an implementation repeats them with its
//! own type for `DB`:
//!
//! ```
//! use hopline_sqlx::database::{BoxFuture, BoxStream, Call, Describe, Step, TracedDatabase};
//! use sqlx::{Error, Executor, SqlStr};
//!
//! fn connection_fetch_many<'e, DB: TracedDatabase>(
//!     connection: &'e mut DB::Connection,
//!     call: Call<DB>,
//! ) -> BoxStream<'e, Result<Step<DB>, Error>>
//! where
//!     &'e mut DB::Connection: Executor<'e, Database = DB>,
//! {
//!     connection.fetch_many(call)
//! }
//!
//! fn connection_fetch_optional<'e, DB: TracedDatabase>(
//!     connection: &'e mut DB::Connection,
//!     call: Call<DB>,
//! ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
//! where
//!     &'e mut DB::Connection: Executor<'e, Database = DB>,
//! {
//!     connection.fetch_optional(call)
//! }
//!
//! fn connection_prepare_with<'e, DB: TracedDatabase>(
//!     connection: &'e mut DB::Connection,
//!     sql: SqlStr,
//!     parameters: &'e [DB::TypeInfo],
//! ) -> BoxFuture<'e, Result<DB::Statement, Error>>
//! where
//!     &'e mut DB::Connection: Executor<'e, Database = DB>,
//! {
//!     connection.prepare_with(sql, parameters)
//! }
//!
//! fn connection_describe<'e, DB: TracedDatabase>(
//!     connection: &'e mut DB::Connection,
//!     sql: SqlStr,
//! ) -> BoxFuture<'e, Result<Describe<DB>, Error>>
//! where
//!     &'e mut DB::Connection: Executor<'e, Database = DB>,
//! {
//!     connection.describe(sql)
//! }
//! ```
//!
//! # Layer
//!
//! Depends on [`redact`](crate::redact) for the dialect; the settings, spans and traced types depend on it.

#[cfg(feature = "any")]
mod any;
mod call;
mod endpoint;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod traced_database;

pub use call::Call;
pub use endpoint::Endpoint;
pub use futures_core::future::BoxFuture;
pub use futures_core::stream::BoxStream;
pub use sqlx_core::describe::Describe;
pub(crate) use traced_database::OptionsOf;
#[cfg(any(
    feature = "any",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
use traced_database::forward_to_driver;
pub use traced_database::{Step, TracedDatabase};

pub use crate::redact::Dialect;

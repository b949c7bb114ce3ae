//! What is to be known of a database product.

#[cfg(feature = "any")]
mod any;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::borrow::Cow;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use hopline_core::{Attr, Literal, attr, semconv};
use sqlx::error::DatabaseError;
use sqlx::{Connection, Database, Either, Error, SqlStr};
use sqlx_core::describe::Describe;

use crate::call::Call;

/// The SQL a database understands, as far as reading its literals goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
    /// Any other: whatever hides more.
    Other,
}

/// What a database is and where, as its connect options say; never a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The product, `db.system.name`.
    pub system: &'static str,
    /// How its statements are read.
    pub dialect: Dialect,
    /// Its host, or the path of its socket.
    pub address: Option<String>,
    /// Its port, where it is not the product's usual one.
    pub port: Option<u16>,
    /// The name of the database.
    pub namespace: Option<String>,
}

impl Endpoint {
    /// A database without an address and a name.
    pub fn new(system: &'static str, dialect: Dialect) -> Self {
        Self {
            system,
            dialect,
            address: None,
            port: None,
            namespace: None,
        }
    }

    pub(crate) fn attributes(&self) -> [Attr<'_>; 4] {
        [
            attr(semconv::DB_SYSTEM_NAME, Literal(self.system)),
            attr(semconv::DB_NAMESPACE, self.namespace.as_deref()),
            attr(semconv::SERVER_ADDRESS, self.address.as_deref()),
            attr(semconv::SERVER_PORT, self.port),
        ]
    }
}

/// One item of a result: what a statement did, or a row.
pub type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// A database product that can be traced.
///
/// Implemented for those of sqlx by feature. Not sealed: a driver of another make can implement it. The
/// `connection_…` functions forward to the driver's own `Executor`; they are here so that generic code needs
/// no more than `DB: TracedDatabase`.
#[diagnostic::on_unimplemented(
    message = "hopline does not trace the database `{Self}`",
    note = "turn on its feature: `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite` or `sqlx-any` of hopline; the same without \
            `sqlx-` of hopline-sqlx",
    note = "in generic code, the bound is `DB: hopline::sqlx::TracedDatabase`"
)]
pub trait TracedDatabase: Database {
    /// Where connections with these options go.
    fn endpoint(options: &<Self::Connection as Connection>::Options) -> Endpoint;

    /// What is known of a connection whose options are not: product and dialect.
    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("other_sql", Dialect::Other)
    }

    /// Rows that a statement changed.
    fn rows_affected(result: &Self::QueryResult) -> u64;

    /// The most specific code that the product gives: SQLSTATE, or the vendor's own.
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        error.code()
    }

    /// The driver's `Executor::fetch_many`.
    fn connection_fetch_many<'e>(
        connection: &'e mut Self::Connection,
        call: Call<Self>,
    ) -> BoxStream<'e, Result<Step<Self>, Error>>;

    /// The driver's `Executor::fetch_optional`.
    fn connection_fetch_optional<'e>(
        connection: &'e mut Self::Connection,
        call: Call<Self>,
    ) -> BoxFuture<'e, Result<Option<Self::Row>, Error>>;

    /// The driver's `Executor::prepare_with`.
    fn connection_prepare_with<'e>(
        connection: &'e mut Self::Connection,
        sql: SqlStr,
        parameters: &'e [Self::TypeInfo],
    ) -> BoxFuture<'e, Result<Self::Statement, Error>>;

    /// The driver's `Executor::describe`.
    fn connection_describe<'e>(
        connection: &'e mut Self::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<Describe<Self>, Error>>;
}

/// The functions that are the same text for every driver, and by type different for each.
#[cfg(any(
    feature = "any",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
macro_rules! forward_to_driver {
    () => {
        fn rows_affected(result: &Self::QueryResult) -> u64 {
            result.rows_affected()
        }

        fn connection_fetch_many<'e>(
            connection: &'e mut Self::Connection,
            call: $crate::call::Call<Self>,
        ) -> futures_core::stream::BoxStream<'e, Result<$crate::database::Step<Self>, sqlx::Error>>
        {
            sqlx::Executor::fetch_many(connection, call)
        }

        fn connection_fetch_optional<'e>(
            connection: &'e mut Self::Connection,
            call: $crate::call::Call<Self>,
        ) -> futures_core::future::BoxFuture<'e, Result<Option<Self::Row>, sqlx::Error>> {
            sqlx::Executor::fetch_optional(connection, call)
        }

        fn connection_prepare_with<'e>(
            connection: &'e mut Self::Connection,
            sql: sqlx::SqlStr,
            parameters: &'e [Self::TypeInfo],
        ) -> futures_core::future::BoxFuture<'e, Result<Self::Statement, sqlx::Error>> {
            sqlx::Executor::prepare_with(connection, sql, parameters)
        }

        fn connection_describe<'e>(
            connection: &'e mut Self::Connection,
            sql: sqlx::SqlStr,
        ) -> futures_core::future::BoxFuture<
            'e,
            Result<sqlx_core::describe::Describe<Self>, sqlx::Error>,
        > {
            sqlx::Executor::describe(connection, sql)
        }
    };
}
#[cfg(any(
    feature = "any",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
pub(crate) use forward_to_driver;

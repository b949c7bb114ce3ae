//! The trait of a traceable database product, and the macro for its forwarding functions.

use std::borrow::Cow;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::error::DatabaseError;
use sqlx::{Connection, Database, Either, Error, SqlStr};
use sqlx_core::describe::Describe;

use crate::database::call::Call;
use crate::database::endpoint::Endpoint;
use crate::redact::Dialect;

/// An item of a result stream: the summary of a completed statement (`Left`), or a row (`Right`).
///
/// sqlx's own item type, which is `Either<DB::QueryResult, DB::Row>`.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use futures_util::TryStreamExt;
/// use hopline_sqlx::database::Step;
/// use sqlx::{Either, Executor, Sqlite};
///
/// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// let steps: Vec<Step<Sqlite>> = pool.fetch_many("SELECT 1 UNION SELECT 2").try_collect().await?;
/// let rows = steps.iter().filter(|step| matches!(step, Either::Right(_))).count();
/// assert_eq!((rows, steps.len()), (2, 3));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// The connect options of a database.
pub(crate) type OptionsOf<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A database product that can be traced.
///
/// Implemented for PostgreSQL, MySQL, SQLite and `Any` by feature. As a bound, it is all that generic code over traced
/// types needs:
///
/// ```
/// use hopline_sqlx::{Pool, TracedDatabase};
///
/// async fn is_alive<DB: TracedDatabase>(pool: &Pool<DB>) -> bool {
///     match pool.acquire().await {
///         Ok(mut connection) => connection.ping().await.is_ok(),
///         Err(_) => false,
///     }
/// }
///
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// assert!(is_alive(&pool).await);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
///
/// Not sealed: see [`database`](crate::database) for an implementation. The `connection_…` functions forward to the
/// driver's `Executor`. They are part of the trait because a bound on `&mut DB::Connection` cannot be implied by one on
/// `DB`.
#[diagnostic::on_unimplemented(
    message = "hopline does not trace the database `{Self}`",
    note = "enable its feature: `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite` or `sqlx-any` of hopline; without the prefix \
            `sqlx-` for hopline-sqlx",
    note = "in generic code, the bound is `DB: hopline::sqlx::TracedDatabase`"
)]
pub trait TracedDatabase: Database {
    /// The product, dialect and address of connections with these options.
    ///
    /// Called once for each pool. Must not contain credentials: it is recorded on each span.
    fn endpoint(options: &<Self::Connection as Connection>::Options) -> Endpoint;

    /// The product and dialect of a connection whose options are unknown.
    ///
    /// Defaults to `other_sql` and [`Dialect::Other`], which redacts most.
    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("other_sql", Dialect::Other)
    }

    /// The number of rows that a statement changed.
    fn rows_affected(result: &Self::QueryResult) -> u64;

    /// The most specific code of an error: the SQLSTATE, or the vendor's code. Recorded as `error.type` and
    /// `db.response.status_code`.
    ///
    /// Defaults to [`DatabaseError::code`].
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        error.code()
    }

    /// Forwards to the driver's `Executor::fetch_many`.
    fn connection_fetch_many<'e>(
        connection: &'e mut Self::Connection,
        call: Call<Self>,
    ) -> BoxStream<'e, Result<Step<Self>, Error>>;

    /// Forwards to the driver's `Executor::fetch_optional`.
    fn connection_fetch_optional<'e>(
        connection: &'e mut Self::Connection,
        call: Call<Self>,
    ) -> BoxFuture<'e, Result<Option<Self::Row>, Error>>;

    /// Forwards to the driver's `Executor::prepare_with`.
    fn connection_prepare_with<'e>(
        connection: &'e mut Self::Connection,
        sql: SqlStr,
        parameters: &'e [Self::TypeInfo],
    ) -> BoxFuture<'e, Result<Self::Statement, Error>>;

    /// Forwards to the driver's `Executor::describe`.
    fn connection_describe<'e>(
        connection: &'e mut Self::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<Describe<Self>, Error>>;
}

/// Implements the functions whose text is the same for each driver, although their types differ.
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
            call: $crate::database::Call<Self>,
        ) -> futures_core::stream::BoxStream<'e, Result<$crate::database::Step<Self>, sqlx::Error>>
        {
            sqlx::Executor::fetch_many(connection, call)
        }

        fn connection_fetch_optional<'e>(
            connection: &'e mut Self::Connection,
            call: $crate::database::Call<Self>,
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

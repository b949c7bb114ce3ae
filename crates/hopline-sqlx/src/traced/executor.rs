//! The macro that implements sqlx's `Executor` for the traced types.

/// Implements `Executor` for a type. The closure splits a value into the pool or connection that runs the statement, and the
/// notes on the call.
///
/// The provided methods of `Executor` (`execute`, `fetch`, `fetch_all`, `fetch_one`, `prepare` …) call one of these four, in
/// every driver, so each call has exactly one span:
///
/// | method | span |
/// |---|---|
/// | `fetch_many` | `db.query`, until the stream ends |
/// | `fetch_optional` | `db.query`, until the row arrives |
/// | `prepare_with` | `db.prepare` |
/// | `describe` | `db.describe` |
macro_rules! impl_executor {
    ($executor:ty, |$this:ident| ($runs:expr, $notes:expr)) => {
        impl<'c, DB: $crate::database::TracedDatabase> sqlx::Executor<'c> for $executor {
            type Database = DB;

            fn fetch_many<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::stream::BoxStream<
                'e,
                Result<$crate::database::Step<DB>, sqlx::Error>,
            >
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                let $this = self;
                $runs.many(query, $notes)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::future::BoxFuture<'e, Result<Option<DB::Row>, sqlx::Error>>
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                let $this = self;
                $runs.optional(query, $notes)
            }

            fn prepare_with<'e>(
                self,
                sql: sqlx::SqlStr,
                parameters: &'e [DB::TypeInfo],
            ) -> futures_core::future::BoxFuture<'e, Result<DB::Statement, sqlx::Error>>
            where
                'c: 'e,
            {
                let $this = self;
                $runs.prepared(sql, parameters, $notes)
            }

            fn describe<'e>(
                self,
                sql: sqlx::SqlStr,
            ) -> futures_core::future::BoxFuture<
                'e,
                Result<sqlx_core::describe::Describe<DB>, sqlx::Error>,
            >
            where
                'c: 'e,
            {
                let $this = self;
                $runs.described(sql, $notes)
            }
        }
    };
}
pub(crate) use impl_executor;

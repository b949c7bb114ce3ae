//! Uses that must not compile: sqlx's own `Acquire` and `AsMut` on traced types would use a connection without spans.
//!
//! Each is implemented under a bound that no type satisfies, so that the compiler prints the notes of [`Untraced`]. The
//! programs in `tests/refused` check the messages.
//!
//! | use | without this file | with it |
//! |---|---|---|
//! | `migrator.run(&pool)` | `Acquire` is not implemented | the note names `pool.migrate(…)` |
//! | `fn f(db: impl sqlx::Acquire<'_>)` | the same | the note names `hopline::sqlx::Acquire` |
//! | `PgAdvisoryLock::acquire(connection)` | `AsMut` is not implemented | the note names `raw_mut()` |

use futures_core::future::BoxFuture;
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::traced::connection::Connection;
use crate::traced::pool::Pool;
use crate::traced::pool_connection::PoolConnection;
use crate::traced::transaction::Transaction;

/// A database whose connections sqlx may use untraced. No type implements it: its purpose is the compiler's message.
#[diagnostic::on_unimplemented(
    message = "sqlx would use an untraced connection here",
    label = "this is a pool, connection or transaction of `hopline::sqlx`",
    note = "migrations: `pool.migrate(&sqlx::migrate!()).await` records a span for each (feature `sqlx-migrate`)",
    note = "your own functions: take `impl hopline::sqlx::Acquire<'_>` instead of `impl sqlx::Acquire<'_>`",
    note = "other libraries: pass sqlx's type with `pool.raw()` or `connection.raw_mut()`; its statements have no spans"
)]
pub trait Untraced {}

/// Implements `AsMut<PgConnection>`, which advisory locks take, for [`Untraced`] databases only.
#[cfg(feature = "postgres")]
macro_rules! refuse_raw_connection {
    ($connection:ty; $($place:ty),*) => {$(
        impl<DB> AsMut<$connection> for $place
        where
            DB: TracedDatabase<Connection = $connection> + Untraced,
        {
            fn as_mut(&mut self) -> &mut $connection {
                self.raw_mut()
            }
        }
    )*};
}

#[cfg(feature = "postgres")]
refuse_raw_connection!(sqlx::PgConnection; PoolConnection<DB>, Transaction<'_, DB>);

/// Implements sqlx's `Acquire` for [`Untraced`] databases only.
macro_rules! refuse_acquire {
    ($($lifetime:lifetime)? $place:ty, $connection:ty, |$this:ident| $acquire:expr, $begin:expr) => {
        impl<'c, DB: TracedDatabase + Untraced> sqlx::Acquire<'c> for $place {
            type Database = DB;
            type Connection = $connection;

            fn acquire(self) -> BoxFuture<'c, Result<Self::Connection, Error>> {
                let $this = self;
                $acquire
            }

            fn begin(self) -> BoxFuture<'c, Result<sqlx::Transaction<'c, DB>, Error>> {
                let $this = self;
                $begin
            }
        }
    };
}

refuse_acquire!(
    &'_ Pool<DB>,
    sqlx::pool::PoolConnection<DB>,
    |pool| sqlx::Acquire::acquire(pool.raw()),
    sqlx::Acquire::begin(pool.raw())
);
refuse_acquire!(
    &'c mut Connection<'_, DB>,
    &'c mut DB::Connection,
    |connection| Box::pin(async { Ok(connection.raw_mut()) }),
    sqlx::Transaction::begin(connection.raw_mut(), None)
);
refuse_acquire!(
    &'c mut PoolConnection<DB>,
    &'c mut DB::Connection,
    |pooled| sqlx::Acquire::acquire(&mut **pooled),
    sqlx::Acquire::begin(&mut **pooled)
);
refuse_acquire!(
    &'c mut Transaction<'_, DB>,
    &'c mut DB::Connection,
    |transaction| sqlx::Acquire::acquire(&mut **transaction),
    sqlx::Acquire::begin(&mut **transaction)
);

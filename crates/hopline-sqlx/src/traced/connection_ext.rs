//! Traced connections without a pool, from a connection or its options.

use sqlx::{ConnectOptions, Error};

use crate::database::TracedDatabase;
use crate::log::LogSettings;
use crate::settings::{RawEvents, Settings};
use crate::span::Spans;
use crate::traced::connection::Connection;

/// Adds `.traced()` to single connections, without a pool.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::ConnectionExt;
/// use sqlx::{Connection, SqliteConnection};
///
/// let mut connection = SqliteConnection::connect("sqlite::memory:").await?.traced();
/// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await?;
/// assert_eq!(one, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub trait ConnectionExt: sqlx::Connection {
    /// Traces the connection. Its address is unknown: use [`ConnectOptionsExt::connect_traced`] to record it, or
    /// [`Connection::borrowed`] for a connection of a pool.
    fn traced(self) -> Connection<'static, Self::Database>
    where
        Self: Sized;

    /// Traces a borrowed connection.
    fn traced_mut(&mut self) -> Connection<'_, Self::Database>;
}

impl<C> ConnectionExt for C
where
    C: sqlx::Connection,
    C::Database: TracedDatabase,
{
    fn traced(self) -> Connection<'static, C::Database> {
        Connection::owned(self, spans::<C::Database>())
    }

    fn traced_mut(&mut self) -> Connection<'_, C::Database> {
        Connection::over(self, spans::<C::Database>())
    }
}

/// The span factory for a connection that the application opened, which may write sqlx's log events.
fn spans<DB: TracedDatabase>() -> Spans {
    let log = LogSettings::default();
    Spans::new(Settings::new(
        DB::unknown_endpoint(),
        log,
        RawEvents::Always,
    ))
}

/// Adds `.connect_traced()` to connect options, for connections without a pool.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::ConnectOptionsExt;
/// use sqlx::sqlite::SqliteConnectOptions;
///
/// let options = SqliteConnectOptions::new().in_memory(true);
/// let mut connection = options.connect_traced().await?;
/// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await?;
/// assert_eq!(one, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
pub trait ConnectOptionsExt: ConnectOptions {
    /// Opens a connection with a span for each statement.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    fn connect_traced(
        &self,
    ) -> impl Future<
        Output = Result<
            Connection<'static, <Self::Connection as sqlx::Connection>::Database>,
            Error,
        >,
    > + Send
    where
        Self::Connection: Sized;
}

impl<O> ConnectOptionsExt for O
where
    O: ConnectOptions,
    O::Connection: Sized,
    <O::Connection as sqlx::Connection>::Database: TracedDatabase,
{
    async fn connect_traced(
        &self,
    ) -> Result<Connection<'static, <O::Connection as sqlx::Connection>::Database>, Error> {
        Connection::connect_with(self).await
    }
}

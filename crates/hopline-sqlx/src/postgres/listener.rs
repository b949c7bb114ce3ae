//! LISTEN: notifications from Postgres.

use std::fmt;

use futures_core::Stream;
use futures_util::StreamExt;
use sqlx::Error;
use sqlx::postgres::{PgNotification, Postgres};

use crate::span::Spans;
use crate::traced::pool::Pool;

/// Receives Postgres notifications, as [`sqlx::postgres::PgListener`], with a span for each LISTEN and UNLISTEN.
///
/// A notification has no field for a trace context: work for one begins a new trace, unless the application puts a context
/// in the payload. The LISTEN after a reconnect is sent by sqlx and has no span.
///
/// ```no_run
/// # #[cfg(feature = "postgres")]
/// async fn wait(pool: &hopline_sqlx::PgPool) -> Result<String, sqlx::Error> {
///     use hopline_sqlx::postgres::PgListener;
///
///     let mut listener = PgListener::connect_with(pool).await?;
///     listener.listen("orders").await?;
///     Ok(listener.recv().await?.payload().to_owned())
/// }
/// ```
pub struct PgListener {
    inner: sqlx::postgres::PgListener,
    spans: Spans,
}

impl PgListener {
    /// Connects to a URL, without a pool.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let spans = Pool::<Postgres>::connect_lazy(url)?.spans().clone();
        let inner = sqlx::postgres::PgListener::connect(url).await?;
        Ok(Self { inner, spans })
    }

    /// Takes a connection from a pool for the lifetime of the listener.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn connect_with(pool: &Pool<Postgres>) -> Result<Self, Error> {
        let inner = sqlx::postgres::PgListener::connect_with(pool.raw()).await?;
        Ok(Self {
            inner,
            spans: pool.spans().clone(),
        })
    }

    /// Subscribes to a channel.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn listen(&mut self, channel: &str) -> Result<(), Error> {
        self.listen_all([channel]).await
    }

    /// Subscribes to several channels in one round trip.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn listen_all(
        &mut self,
        channels: impl IntoIterator<Item = &str>,
    ) -> Result<(), Error> {
        let channels: Vec<&str> = channels.into_iter().collect();
        let statements: Vec<String> = channels.iter().map(|name| quoted("LISTEN", name)).collect();
        let span = self.spans.statement_step(&statements.join("; "));
        span.run::<Postgres, _>(self.inner.listen_all(channels))
            .await
    }

    /// Unsubscribes from a channel.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn unlisten(&mut self, channel: &str) -> Result<(), Error> {
        let span = self.spans.statement_step(&quoted("UNLISTEN", channel));
        span.run::<Postgres, _>(self.inner.unlisten(channel)).await
    }

    /// Unsubscribes from all channels.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn unlisten_all(&mut self) -> Result<(), Error> {
        let span = self.spans.statement_step("UNLISTEN *");
        span.run::<Postgres, _>(self.inner.unlisten_all()).await
    }

    /// Waits for a notification. Reconnects if the connection is lost; notifications sent meanwhile are lost.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn recv(&mut self) -> Result<PgNotification, Error> {
        self.inner.recv().await
    }

    /// Waits for a notification. Returns `None` if the connection is lost.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn try_recv(&mut self) -> Result<Option<PgNotification>, Error> {
        self.inner.try_recv().await
    }

    /// Returns a notification that was already received, without waiting.
    pub fn next_buffered(&mut self) -> Option<PgNotification> {
        self.inner.next_buffered()
    }

    /// Converts to a stream of notifications.
    pub fn into_stream(self) -> impl Stream<Item = Result<PgNotification, Error>> + Unpin {
        self.inner.into_stream().boxed()
    }

    /// Keeps waiting after the pool is closed. Defaults to false.
    pub fn ignore_pool_close_event(&mut self, ignore: bool) {
        self.inner.ignore_pool_close_event(ignore);
    }

    /// Reconnects at once when the connection is lost. Defaults to true.
    pub fn eager_reconnect(&mut self, eager: bool) {
        self.inner.eager_reconnect(eager);
    }

    /// sqlx's listener, which is an executor. Statements on it have no spans.
    pub fn raw_mut(&mut self) -> &mut sqlx::postgres::PgListener {
        &mut self.inner
    }
}

/// A statement with the channel as a quoted name.
fn quoted(verb: &str, channel: &str) -> String {
    format!("{verb} \"{}\"", channel.replace('"', "\"\""))
}

impl fmt::Debug for PgListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgListener").finish_non_exhaustive()
    }
}

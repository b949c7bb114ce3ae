//! LISTEN, in Postgres.

use std::fmt;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt;
use sqlx::Error;
use sqlx::postgres::{PgNotification, Postgres};

use crate::pool::Pool;
use crate::settings::Settings;

/// Receives Postgres notifications, as [`sqlx::postgres::PgListener`], with a span for each LISTEN and UNLISTEN.
///
/// A notification has no place for a trace context: what is done for one begins a trace of its own, unless its payload
/// says otherwise. The LISTEN that follows a lost connection is sent by sqlx and has no span.
///
/// ```no_run
/// # #[cfg(feature = "postgres")]
/// async fn wait(pool: &hopline_sqlx::PgPool) -> Result<String, sqlx::Error> {
///     let mut listener = hopline_sqlx::PgListener::connect_with(pool).await?;
///     listener.listen("orders").await?;
///     Ok(listener.recv().await?.payload().to_owned())
/// }
/// ```
pub struct PgListener {
    inner: sqlx::postgres::PgListener,
    settings: Arc<Settings>,
}

impl PgListener {
    /// Connects by a URL, apart from any pool.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let settings = Pool::<Postgres>::connect_lazy(url)?.settings();
        let inner = sqlx::postgres::PgListener::connect(url).await?;
        Ok(Self { inner, settings })
    }

    /// Takes a connection of a pool for good.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn connect_with(pool: &Pool<Postgres>) -> Result<Self, Error> {
        let inner = sqlx::postgres::PgListener::connect_with(pool.raw()).await?;
        Ok(Self {
            inner,
            settings: pool.settings(),
        })
    }

    /// Listens to a channel.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn listen(&mut self, channel: &str) -> Result<(), Error> {
        self.listen_all([channel]).await
    }

    /// Listens to channels, in one round trip.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn listen_all(
        &mut self,
        channels: impl IntoIterator<Item = &str>,
    ) -> Result<(), Error> {
        let channels: Vec<&str> = channels.into_iter().collect();
        let statements: Vec<String> = channels.iter().map(|name| quoted("LISTEN", name)).collect();
        let span = self.settings.pending(&statements.join("; "));
        span.run::<Postgres, _>(self.inner.listen_all(channels))
            .await
    }

    /// Does not listen to a channel any more.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn unlisten(&mut self, channel: &str) -> Result<(), Error> {
        let span = self.settings.pending(&quoted("UNLISTEN", channel));
        span.run::<Postgres, _>(self.inner.unlisten(channel)).await
    }

    /// Does not listen to any channel any more.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn unlisten_all(&mut self) -> Result<(), Error> {
        let span = self.settings.pending("UNLISTEN *");
        span.run::<Postgres, _>(self.inner.unlisten_all()).await
    }

    /// Waits for a notification. It connects again where the connection is lost, and what was sent meanwhile is lost.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn recv(&mut self) -> Result<PgNotification, Error> {
        self.inner.recv().await
    }

    /// Waits for a notification; none where the connection was lost.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn try_recv(&mut self) -> Result<Option<PgNotification>, Error> {
        self.inner.try_recv().await
    }

    /// Takes a notification that has arrived.
    pub fn next_buffered(&mut self) -> Option<PgNotification> {
        self.inner.next_buffered()
    }

    /// All that arrive.
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

    /// sqlx's own, which is an executor, and by which nothing is traced.
    pub fn raw_mut(&mut self) -> &mut sqlx::postgres::PgListener {
        &mut self.inner
    }
}

fn quoted(verb: &str, channel: &str) -> String {
    format!("{verb} \"{}\"", channel.replace('"', "\"\""))
}

impl fmt::Debug for PgListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgListener").finish_non_exhaustive()
    }
}

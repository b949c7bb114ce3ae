//! COPY: bulk transfer of rows into and out of a table. Methods of [`Pool`] and [`Connection`] are here because a feature
//! enables them.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use sqlx::Error;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPoolCopyExt, Postgres};
use sqlx_core::bytes::Bytes;
use sqlx_core::io::AsyncRead;

use crate::span::StatementRecord;
use crate::traced::connection::Connection;
use crate::traced::pool::Pool;

/// A `COPY … FROM STDIN` in progress, as [`sqlx::postgres::PgCopyIn`]. Returned by
/// [`copy_in_raw`](Pool::copy_in_raw).
///
/// The span begins with the statement and ends with [`finish`](Self::finish).
///
/// # Cancellation
///
/// On [`abort`](Self::abort) and on drop, no rows are copied and the span ends as not completed.
#[must_use = "rows are not copied without `finish`"]
pub struct PgCopyIn<C: DerefMut<Target = PgConnection>> {
    inner: sqlx::postgres::PgCopyIn<C>,
    record: StatementRecord<Postgres>,
}

impl Pool<Postgres> {
    /// Begins a `COPY … FROM STDIN`, on a connection of the pool.
    ///
    /// ```no_run
    /// # // needs a server
    /// # #[cfg(feature = "postgres")]
    /// async fn load(pool: &hopline_sqlx::PgPool) -> Result<u64, sqlx::Error> {
    ///     let mut copy = pool.copy_in_raw("COPY people (id, name) FROM STDIN").await?;
    ///     copy.send("1\tAnn\n2\tBob\n".as_bytes()).await?;
    ///     copy.finish().await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn copy_in_raw(
        &self,
        statement: &str,
    ) -> Result<PgCopyIn<PoolConnection<Postgres>>, Error> {
        let mut record = StatementRecord::begun(self.spans().copy(statement));
        let begun = PgPoolCopyExt::copy_in_raw(self.raw(), statement).await;
        let inner = begun.inspect_err(|error| record.fail(error))?;
        Ok(PgCopyIn { inner, record })
    }

    /// Runs a `COPY … TO STDOUT` and returns its output. The span ends with the stream.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn copy_out_raw(
        &self,
        statement: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let mut record = StatementRecord::begun(self.spans().copy(statement));
        let begun = PgPoolCopyExt::copy_out_raw(self.raw(), statement).await;
        let chunks = begun.inspect_err(|error| record.fail(error))?;
        Ok(recorded(chunks, record))
    }
}

impl Connection<'_, Postgres> {
    /// Begins a `COPY … FROM STDIN`. See [`Pool::copy_in_raw`].
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn copy_in_raw(
        &mut self,
        statement: &str,
    ) -> Result<PgCopyIn<&mut PgConnection>, Error> {
        let mut record = StatementRecord::begun(self.spans().copy(statement));
        let begun = self.raw_mut().copy_in_raw(statement).await;
        let inner = begun.inspect_err(|error| record.fail(error))?;
        Ok(PgCopyIn { inner, record })
    }

    /// Runs a `COPY … TO STDOUT` and returns its output. The span ends with the stream.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn copy_out_raw(
        &mut self,
        statement: &str,
    ) -> Result<BoxStream<'_, Result<Bytes, Error>>, Error> {
        let mut record = StatementRecord::begun(self.spans().copy(statement));
        let begun = self.raw_mut().copy_out_raw(statement).await;
        let chunks = begun.inspect_err(|error| record.fail(error))?;
        Ok(recorded(chunks, record))
    }
}

/// Ends the span with the stream's last item, or when the stream is dropped.
fn recorded<'c>(
    mut chunks: BoxStream<'c, Result<Bytes, Error>>,
    mut record: StatementRecord<Postgres>,
) -> BoxStream<'c, Result<Bytes, Error>> {
    Box::pin(async_stream::stream! {
        while let Some(chunk) = chunks.next().await {
            if let Err(error) = &chunk {
                record.fail(error);
            }
            yield chunk;
        }
        record.finish();
    })
}

impl<C: DerefMut<Target = PgConnection>> PgCopyIn<C> {
    /// Returns true if the overall format is text.
    pub fn is_textual(&self) -> bool {
        self.inner.is_textual()
    }

    /// The number of expected columns.
    pub fn num_columns(&self) -> usize {
        self.inner.num_columns()
    }

    /// Returns true if the format of a column is text.
    ///
    /// # Panics
    ///
    /// If there is no such column, as sqlx does.
    pub fn column_is_textual(&self, column: usize) -> bool {
        self.inner.column_is_textual(column)
    }

    /// Sends a chunk of data. It may end inside a row.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn send(&mut self, data: impl Deref<Target = [u8]>) -> Result<&mut Self, Error> {
        let sent = self.inner.send(data).await.map(drop);
        self.record_failure(sent)
    }

    /// Sends all data of a reader.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn read_from(&mut self, source: impl AsyncRead + Unpin) -> Result<&mut Self, Error> {
        let sent = self.inner.read_from(source).await.map(drop);
        self.record_failure(sent)
    }

    fn record_failure(&mut self, sent: Result<(), Error>) -> Result<&mut Self, Error> {
        sent.inspect_err(|error| self.record.fail(error))?;
        Ok(self)
    }

    /// Cancels the COPY, so that no rows are copied. The message appears in the server's log.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn abort(self, message: impl Into<String>) -> Result<(), Error> {
        let Self { inner, mut record } = self;
        let aborted = inner.abort(message).await;
        aborted.inspect_err(|error| record.fail(error))
    }

    /// Completes the COPY, and returns the number of copied rows.
    ///
    /// # Errors
    ///
    /// Returns sqlx's error, unchanged.
    pub async fn finish(self) -> Result<u64, Error> {
        let Self { inner, mut record } = self;
        match inner.finish().await {
            Ok(rows) => {
                record.copied(rows);
                record.finish();
                Ok(rows)
            }
            Err(error) => {
                record.fail(&error);
                Err(error)
            }
        }
    }
}

impl<C: DerefMut<Target = PgConnection>> fmt::Debug for PgCopyIn<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgCopyIn").finish_non_exhaustive()
    }
}

//! COPY, in Postgres.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use sqlx::Error;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPoolCopyExt, Postgres};
use sqlx_core::bytes::Bytes;
use sqlx_core::io::AsyncRead;

use crate::connection::Connection;
use crate::pool::Pool;
use crate::record::Record;

/// Rows on their way into a table by `COPY … FROM STDIN`, as [`sqlx::postgres::PgCopyIn`].
///
/// Its span begins with the statement and ends with [`finish`](PgCopyIn::finish), [`abort`](PgCopyIn::abort) or a drop,
/// which it records as not completed.
#[must_use = "what was sent is not copied without `finish`"]
pub struct PgCopyIn<C: DerefMut<Target = PgConnection>> {
    inner: sqlx::postgres::PgCopyIn<C>,
    record: Record<Postgres>,
}

impl Pool<Postgres> {
    /// Begins a `COPY … FROM STDIN`.
    ///
    /// ```
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
    /// As sqlx's own.
    pub async fn copy_in_raw(
        &self,
        statement: &str,
    ) -> Result<PgCopyIn<PoolConnection<Postgres>>, Error> {
        let mut record = Record::begun(self.settings().copy(statement));
        let begun = PgPoolCopyExt::copy_in_raw(self.raw(), statement).await;
        let inner = begun.inspect_err(|error| record.fail(error))?;
        Ok(PgCopyIn { inner, record })
    }

    /// Reads what a `COPY … TO STDOUT` gives. The span ends with the stream.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn copy_out_raw(
        &self,
        statement: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let mut record = Record::begun(self.settings().copy(statement));
        let begun = PgPoolCopyExt::copy_out_raw(self.raw(), statement).await;
        let pieces = begun.inspect_err(|error| record.fail(error))?;
        Ok(recorded(pieces, record))
    }
}

impl Connection<'_, Postgres> {
    /// Begins a `COPY … FROM STDIN`; see [`Pool::copy_in_raw`].
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn copy_in_raw(
        &mut self,
        statement: &str,
    ) -> Result<PgCopyIn<&mut PgConnection>, Error> {
        let mut record = Record::begun(self.settings().copy(statement));
        let begun = self.raw_mut().copy_in_raw(statement).await;
        let inner = begun.inspect_err(|error| record.fail(error))?;
        Ok(PgCopyIn { inner, record })
    }

    /// Reads what a `COPY … TO STDOUT` gives. The span ends with the stream.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn copy_out_raw(
        &mut self,
        statement: &str,
    ) -> Result<BoxStream<'_, Result<Bytes, Error>>, Error> {
        let mut record = Record::begun(self.settings().copy(statement));
        let begun = self.raw_mut().copy_out_raw(statement).await;
        let pieces = begun.inspect_err(|error| record.fail(error))?;
        Ok(recorded(pieces, record))
    }
}

/// Ends the span with the stream's last item, or its drop.
fn recorded<'c>(
    mut pieces: BoxStream<'c, Result<Bytes, Error>>,
    mut record: Record<Postgres>,
) -> BoxStream<'c, Result<Bytes, Error>> {
    Box::pin(async_stream::stream! {
        while let Some(piece) = pieces.next().await {
            if let Err(error) = &piece {
                record.fail(error);
            }
            yield piece;
        }
        record.finish();
    })
}

impl<C: DerefMut<Target = PgConnection>> PgCopyIn<C> {
    /// True if the format of the whole is text.
    pub fn is_textual(&self) -> bool {
        self.inner.is_textual()
    }

    /// The number of expected columns.
    pub fn num_columns(&self) -> usize {
        self.inner.num_columns()
    }

    /// True if the format of a column is text.
    ///
    /// # Panics
    ///
    /// Where there is no such column, as sqlx's own.
    pub fn column_is_textual(&self, column: usize) -> bool {
        self.inner.column_is_textual(column)
    }

    /// Sends a piece, which may end anywhere.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn send(&mut self, data: impl Deref<Target = [u8]>) -> Result<&mut Self, Error> {
        let sent = self.inner.send(data).await.map(drop);
        self.seen(sent)
    }

    /// Sends all that a reader gives.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn read_from(&mut self, source: impl AsyncRead + Unpin) -> Result<&mut Self, Error> {
        let sent = self.inner.read_from(source).await.map(drop);
        self.seen(sent)
    }

    fn seen(&mut self, sent: Result<(), Error>) -> Result<&mut Self, Error> {
        sent.inspect_err(|error| self.record.fail(error))?;
        Ok(self)
    }

    /// Ends it without copying anything. The message is for the server's log.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
    pub async fn abort(self, message: impl Into<String>) -> Result<(), Error> {
        let Self { inner, mut record } = self;
        let aborted = inner.abort(message).await;
        aborted.inspect_err(|error| record.fail(error))
    }

    /// Ends it, and returns how many rows were copied.
    ///
    /// # Errors
    ///
    /// As sqlx's own.
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

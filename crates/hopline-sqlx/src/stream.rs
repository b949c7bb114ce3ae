//! Results on their way to the application.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::Error;

use crate::database::{Step, TracedDatabase};
use crate::record::Record;

/// A statement's result, counted as it passes.
///
/// # Cancellation
///
/// If it is dropped before its end the driver's stream is dropped first, then the span ends as not completed.
pub(crate) struct Recorded<'e, DB: TracedDatabase> {
    /// There until it is dropped.
    inner: Option<BoxStream<'e, Result<Step<DB>, Error>>>,
    record: Record<DB>,
}

impl<'e, DB: TracedDatabase> Recorded<'e, DB> {
    pub(crate) fn new(inner: BoxStream<'e, Result<Step<DB>, Error>>, record: Record<DB>) -> Self {
        Self {
            inner: Some(inner),
            record,
        }
    }
}

impl<DB: TracedDatabase> Stream for Recorded<'_, DB> {
    type Item = Result<Step<DB>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { inner, record } = &mut *self;
        let Some(inner) = inner else {
            return Poll::Ready(None);
        };
        let item = record.scope(|| inner.as_mut().poll_next(cx));
        match &item {
            Poll::Ready(Some(Ok(step))) => record.step(step),
            Poll::Ready(Some(Err(error))) => record.fail(error),
            Poll::Ready(None) => record.finish(),
            Poll::Pending => {}
        }
        item
    }
}

impl<DB: TracedDatabase> Drop for Recorded<'_, DB> {
    /// Nothing waits here; what the connection has left of the result it reads before its next use.
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.record.release(inner);
    }
}

/// One row or none, counted.
pub(crate) async fn recorded_row<DB: TracedDatabase>(
    inner: BoxFuture<'_, Result<Option<DB::Row>, Error>>,
    record: &mut Record<DB>,
) -> Result<Option<DB::Row>, Error> {
    let mut row = RowOf {
        inner: Some(inner),
        record,
    };
    let RowOf { inner, record } = &mut row;
    let Some(inner) = inner else {
        return Ok(None);
    };
    let result = poll_fn(|cx| record.scope(|| inner.as_mut().poll(cx))).await;
    match &result {
        Ok(row) => {
            if row.is_some() {
                record.row();
            }
            record.finish();
        }
        Err(error) => record.fail(error),
    }
    result
}

struct RowOf<'r, 'e, DB: TracedDatabase> {
    /// There until it is dropped.
    inner: Option<BoxFuture<'e, Result<Option<DB::Row>, Error>>>,
    record: &'r mut Record<DB>,
}

impl<DB: TracedDatabase> Drop for RowOf<'_, '_, DB> {
    /// As that of [`Recorded`].
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.record.release(inner);
    }
}

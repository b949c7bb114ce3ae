//! Results of statements, counted while the application reads them.
//!
//! The driver's stream or future is polled with the statement's span current, so that events of the driver belong to it.
//! It is dropped before the span ends: sqlx writes its log event at that time, which must be suppressed (see
//! `log/quiet.rs`), and the span must cover it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::Error;

use crate::database::{Step, TracedDatabase};
use crate::span::StatementRecord;

/// The result stream of a statement, which counts its items.
///
/// # Cancellation
///
/// On drop before its end, the driver's stream is dropped first, then the span ends as not completed.
pub(super) struct RecordedStream<'e, DB: TracedDatabase> {
    /// None after drop only.
    inner: Option<BoxStream<'e, Result<Step<DB>, Error>>>,
    record: StatementRecord<DB>,
}

impl<'e, DB: TracedDatabase> RecordedStream<'e, DB> {
    pub(super) fn new(
        inner: BoxStream<'e, Result<Step<DB>, Error>>,
        record: StatementRecord<DB>,
    ) -> Self {
        Self {
            inner: Some(inner),
            record,
        }
    }
}

impl<DB: TracedDatabase> Stream for RecordedStream<'_, DB> {
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

impl<DB: TracedDatabase> Drop for RecordedStream<'_, DB> {
    /// Drops the driver's stream. Never blocks: the connection reads the rest of the result before its next use.
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.record.release(inner);
    }
}

/// Runs a future of one row or none, and counts the row.
///
/// # Cancellation
///
/// The driver's future is dropped first. The span, which the caller owns, ends as not completed.
pub(super) async fn recorded_row<DB: TracedDatabase>(
    inner: BoxFuture<'_, Result<Option<DB::Row>, Error>>,
    record: &mut StatementRecord<DB>,
) -> Result<Option<DB::Row>, Error> {
    let mut row = RecordedRow {
        inner: Some(inner),
        record,
    };
    let RecordedRow { inner, record } = &mut row;
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

/// The future of [`recorded_row`], dropped before the span ends.
struct RecordedRow<'r, 'e, DB: TracedDatabase> {
    /// None after drop only.
    inner: Option<BoxFuture<'e, Result<Option<DB::Row>, Error>>>,
    record: &'r mut StatementRecord<DB>,
}

impl<DB: TracedDatabase> Drop for RecordedRow<'_, '_, DB> {
    /// As that of [`RecordedStream`]. Never blocks.
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.record.release(inner);
    }
}

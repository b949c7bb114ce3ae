//! Results on their way to the application.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use pin_project_lite::pin_project;
use sqlx::Error;

use crate::database::{Step, TracedDatabase};
use crate::record::Record;

pin_project! {
    /// A statement's result, counted as it passes.
    ///
    /// # Cancellation
    ///
    /// If it is dropped before its end the driver's stream goes first, then the span ends as not completed.
    pub(crate) struct Recorded<S, DB> {
        #[pin]
        inner: S,
        record: Record<DB>,
    }
}

impl<S, DB> Recorded<S, DB> {
    pub(crate) fn new(inner: S, record: Record<DB>) -> Self {
        Self { inner, record }
    }
}

impl<S, DB> Stream for Recorded<S, DB>
where
    DB: TracedDatabase,
    S: Stream<Item = Result<Step<DB>, Error>>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let record = this.record;
        let item = record.scope(|| this.inner.poll_next(cx));
        match &item {
            Poll::Ready(Some(Ok(step))) => record.step(step),
            Poll::Ready(Some(Err(error))) => record.fail(error),
            Poll::Ready(None) => record.finish(),
            Poll::Pending => {}
        }
        item
    }
}

/// One row or none, counted.
pub(crate) async fn recorded_row<DB: TracedDatabase>(
    mut inner: BoxFuture<'_, Result<Option<DB::Row>, Error>>,
    record: &mut Record<DB>,
) -> Result<Option<DB::Row>, Error> {
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

//! The guard of a statement's span.
//!
//! | event | span | log event |
//! |---|---|---|
//! | an item of the result | counts the row, or the affected rows | |
//! | the end of the result | ends with the counts | written with the counts |
//! | an error | ends with `error.type` | written with the counts so far |
//! | drop before the end | ends with the counts and `hopline.db.completed` = `false` | written with the counts so far |
//!
//! It also reports the metrics of the statement, in each of these cases.
//!
//! One guard serves a statement from its start to its end, whether a pool, a connection or COPY runs it. Its fields are
//! inline, so that a recorded statement needs no allocation of its own.

use std::marker::PhantomData;

use hopline_core::{Span, attr};
use sqlx::{Either, Error};

use crate::database::{Step, TracedDatabase};
use crate::log::StatementLog;
use crate::span::measurement::Measurement;
use crate::span::pool_wait::{POOL_WAIT, PoolWait, WaitTime};
use crate::span::started::StartedStatement;

/// Counts the items of a result, and ends the span once: at the end of the result, at an error, or on drop.
///
/// # Cancellation
///
/// If it is dropped before the end of the result, the span ends as not completed, without an error.
pub(crate) struct StatementRecord<DB> {
    /// Not recorded if the sampler dropped it; the measurement runs nevertheless.
    span: Span,
    /// Reports the duration and the rows when it stops.
    measurement: Measurement,
    /// The number of returned rows.
    rows: u64,
    /// The number of affected rows, once a statement of the text has completed.
    affected: Option<u64>,
    /// The statement changes rows. Drivers report a number of affected rows for reads, too.
    writes: bool,
    /// The wait for a connection, if a pool runs the statement.
    wait: WaitTime,
    /// The result was read to its end, or failed.
    ended: bool,
    /// The log event, if it may be written. Boxed, since it is large and rare.
    log: Option<Box<StatementLog>>,
    /// For the counts and error codes of the driver. Not a value of it, so the guard is `Send` for each driver.
    database: PhantomData<fn() -> DB>,
}

impl<DB> StatementRecord<DB> {
    /// Runs `work` with the span current, if it is recorded, and without sqlx's own log event.
    #[inline]
    pub(crate) fn scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let span = &mut self.span;
        let in_span = || {
            if span.is_recording() {
                span.in_scope(work)
            } else {
                work()
            }
        };
        match &mut self.log {
            Some(log) => log.scope(in_span),
            None => in_span(),
        }
    }

    /// Drops the statement's future or stream. sqlx writes its log event at that time.
    #[inline]
    pub(crate) fn release<T>(&mut self, ran: T) {
        match &mut self.log {
            Some(log) => log.scope(|| drop(ran)),
            None => drop(ran),
        }
    }
}

impl<DB: TracedDatabase> StatementRecord<DB> {
    /// A statement that was started.
    pub(crate) fn new(started: StartedStatement) -> Self {
        let StartedStatement {
            span,
            measurement,
            writes,
            log,
        } = started;
        Self {
            span,
            measurement,
            rows: 0,
            affected: None,
            writes,
            wait: WaitTime::None,
            ended: false,
            log,
            database: PhantomData,
        }
    }

    /// A statement that runs at once: the log event's duration begins.
    #[cfg(feature = "postgres")]
    pub(crate) fn begun(started: StartedStatement) -> Self {
        let mut record = Self::new(started);
        record.scope(|| ());
        record
    }

    /// Begins to measure the wait for a connection.
    pub(crate) fn waiting(&mut self) -> PoolWait<'_> {
        PoolWait::new(&self.span, &mut self.wait)
    }

    /// Counts an item of the result.
    ///
    /// A text with several statements has one result for each; their affected rows are added up.
    pub(crate) fn step(&mut self, step: &Step<DB>) {
        match step {
            Either::Left(result) => *self.affected.get_or_insert(0) += DB::rows_affected(result),
            Either::Right(_) => self.rows += 1,
        }
    }

    /// Counts a row.
    pub(crate) fn row(&mut self) {
        self.rows += 1;
    }

    /// Records the number of rows that COPY wrote.
    #[cfg(feature = "postgres")]
    pub(crate) fn copied(&mut self, rows: u64) {
        self.affected = Some(rows);
    }

    /// Marks the statement as failed and read to its end.
    ///
    /// The first error counts. Rows that were read before it are recorded.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.measurement.fail_with::<DB>(&self.span, error);
        self.finish();
    }

    /// Marks the result as read to its end.
    pub(crate) fn finish(&mut self) {
        self.ended = true;
    }
}

impl<DB> Drop for StatementRecord<DB> {
    /// Ends the span. A result that was not read to its end is no error: the application may stop reading, and a row that
    /// does not decode looks the same from here. Never blocks.
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.span, Span::none());
        let measurement = std::mem::replace(&mut self.measurement, Measurement::NONE);
        let wait = self.wait.millis(&span);
        let rows = (!self.writes || self.rows > 0).then_some(self.rows);
        let attrs = || {
            [
                attr("db.response.returned_rows", rows),
                attr(
                    "hopline.db.affected_rows",
                    self.affected.filter(|_| self.writes),
                ),
                attr(POOL_WAIT, wait),
                attr("hopline.db.completed", (!self.ended).then_some(false)),
            ]
        };
        measurement.stop(span, attrs, rows.filter(|_| self.ended));
        if let Some(log) = self.log.take() {
            log.finish(self.affected.unwrap_or(0), self.rows);
        }
    }
}

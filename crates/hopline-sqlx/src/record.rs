//! How a statement's span ends.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;

use hopline_core::{Name, Span, attr, semconv};
use sqlx::{Either, Error};

use crate::database::{Step, TracedDatabase};
use crate::log::StatementLog;
use crate::settings::Started;
use crate::wait::{POOL_WAIT, Wait, Waited};

/// Counts what comes back, and ends the span once: at the result's end, at an error, or when it is dropped half-way.
pub(crate) struct Record<DB> {
    span: Span,
    rows: u64,
    affected: Option<u64>,
    /// The statement changes rows; what a read reports as changed is not true.
    writes: bool,
    wait: Waited,
    ended: bool,
    log: Option<Box<StatementLog>>,
    database: PhantomData<fn() -> DB>,
}

impl<DB> Record<DB> {
    /// Runs with its span current, if there is one, and without an event of sqlx's own.
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

    /// Drops what ran, whose event is written then.
    #[inline]
    pub(crate) fn release<T>(&mut self, ran: T) {
        match &mut self.log {
            Some(log) => log.scope(|| drop(ran)),
            None => drop(ran),
        }
    }
}

impl<DB: TracedDatabase> Record<DB> {
    pub(crate) fn new(started: Started) -> Self {
        let Started { span, writes, log } = started;
        Self {
            span,
            rows: 0,
            affected: None,
            writes,
            wait: Waited::No,
            ended: false,
            log,
            database: PhantomData,
        }
    }

    /// One that runs from now on.
    #[cfg(feature = "postgres")]
    pub(crate) fn begun(started: Started) -> Self {
        let mut record = Self::new(started);
        record.scope(|| ());
        record
    }

    /// It waits for a connection from now on.
    pub(crate) fn waiting(&mut self) -> Wait<'_> {
        Wait::new(&self.span, &mut self.wait)
    }

    pub(crate) fn step(&mut self, step: &Step<DB>) {
        match step {
            Either::Left(result) => *self.affected.get_or_insert(0) += DB::rows_affected(result),
            Either::Right(_) => self.rows += 1,
        }
    }

    pub(crate) fn row(&mut self) {
        self.rows += 1;
    }

    /// So many rows were written in one piece.
    #[cfg(feature = "postgres")]
    pub(crate) fn copied(&mut self, rows: u64) {
        self.affected = Some(rows);
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        fail::<DB>(&self.span, error);
        self.finish();
    }

    pub(crate) fn finish(&mut self) {
        self.ended = true;
    }
}

impl<DB> Drop for Record<DB> {
    /// Not at its end is not an error by itself: who wants three rows stops reading, and a row that does not
    /// decode looks the same from here.
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.span, Span::none());
        let wait = self.wait.millis(&span);
        span.end_with(|| {
            [
                attr(
                    "db.response.returned_rows",
                    (!self.writes || self.rows > 0).then_some(self.rows),
                ),
                attr(
                    "hopline.db.affected_rows",
                    self.affected.filter(|_| self.writes),
                ),
                attr(POOL_WAIT, wait),
                attr("hopline.db.completed", (!self.ended).then_some(false)),
            ]
        });
        if let Some(log) = self.log.take() {
            log.finish(self.affected.unwrap_or(0), self.rows);
        }
    }
}

/// The span of a step that has no rows: BEGIN, COMMIT, a prepare.
///
/// Dropped before [`end`](Pending::end), which is when the call was, it says that the step was not completed.
pub(crate) struct Pending {
    span: Span,
    wait: Waited,
    ended: bool,
    log: Option<Box<StatementLog>>,
}

impl Pending {
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            wait: Waited::No,
            ended: false,
            log: None,
        }
    }

    /// One that is logged as a statement.
    pub(crate) fn logged(span: Span, log: Option<Box<StatementLog>>) -> Self {
        let mut pending = Self::new(span);
        pending.log = log;
        pending
    }

    /// It waits for a connection from now on.
    pub(crate) fn waiting(&mut self) -> Wait<'_> {
        Wait::new(&self.span, &mut self.wait)
    }

    /// Waits for the step itself, which is what the log's event times, and ends with it.
    pub(crate) async fn run<DB: TracedDatabase, T>(
        mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let result = {
            let mut work = pin!(work);
            match &mut self.log {
                Some(log) => poll_fn(|cx| log.scope(|| work.as_mut().poll(cx))).await,
                None => work.await,
            }
        };
        self.end::<DB, _>(result)
    }

    /// It is over, and its outcome is recorded by the caller.
    #[cfg(feature = "migrate")]
    pub(crate) fn over(mut self, record: impl FnOnce(&Span)) {
        self.ended = true;
        record(&self.span);
    }

    pub(crate) fn end<DB: TracedDatabase, T>(
        mut self,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        self.ended = true;
        result.inspect_err(|error| fail::<DB>(&self.span, error))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.span, Span::none());
        let wait = self.wait.millis(&span);
        span.end_with(|| {
            [
                attr(POOL_WAIT, wait),
                attr("hopline.db.completed", (!self.ended).then_some(false)),
            ]
        });
        if let Some(log) = self.log.take() {
            log.finish(0, 0);
        }
    }
}

/// Marks a span by the error's code, or its class. Never its message, which may hold values.
pub(crate) fn fail<DB: TracedDatabase>(span: &Span, error: &Error) {
    if !span.is_recording() {
        return;
    }
    let error_type = match error {
        // a question that was answered
        Error::RowNotFound => return,
        Error::Database(error) => {
            match DB::status_code(&**error) {
                Some(code) => {
                    span.set(semconv::DB_RESPONSE_STATUS_CODE, &code);
                    span.fail(Name::dynamic(&code));
                }
                None => span.fail("_OTHER"),
            }
            return;
        }
        Error::PoolTimedOut => "pool_timed_out",
        Error::PoolClosed => "pool_closed",
        Error::Io(_) => "io",
        Error::Tls(_) => "tls",
        Error::Protocol(_) => "protocol",
        Error::Configuration(_) => "configuration",
        Error::InvalidArgument(_) | Error::Encode(_) => "encode",
        Error::Decode(_) | Error::ColumnDecode { .. } => "decode",
        Error::ColumnNotFound(_) | Error::ColumnIndexOutOfBounds { .. } => "column_not_found",
        Error::TypeNotFound { .. } => "type_not_found",
        Error::AnyDriverError(_) => "any_driver",
        Error::WorkerCrashed => "worker_crashed",
        Error::InvalidSavePointStatement | Error::BeginFailed => "begin",
        _ => "_OTHER",
    };
    span.fail(error_type);
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use hopline_core::{Kind, SpanBuilder};
    use sqlx::Sqlite;

    use super::*;

    #[test]
    fn errors_are_classes_and_never_messages() {
        let message = || "hunter2".to_owned();
        for (error, class) in [
            (Error::PoolTimedOut, Some("pool_timed_out")),
            (Error::PoolClosed, Some("pool_closed")),
            (Error::Io(std::io::Error::other(message())), Some("io")),
            (Error::Tls(message().into()), Some("tls")),
            (Error::Protocol(message()), Some("protocol")),
            (
                Error::Configuration(message().into()),
                Some("configuration"),
            ),
            (Error::Encode(message().into()), Some("encode")),
            (Error::Decode(message().into()), Some("decode")),
            (Error::ColumnNotFound(message()), Some("column_not_found")),
            (Error::WorkerCrashed, Some("worker_crashed")),
            (Error::BeginFailed, Some("begin")),
            // a question that was answered
            (Error::RowNotFound, None),
        ] {
            let (tracer, spans) = hopline_testing::tracer("svc");
            let span = SpanBuilder::new("db.query")
                .kind(Kind::Client)
                .tracer(&tracer)
                .start();
            fail::<Sqlite>(&span, &error);
            span.end();
            let span = &spans.all()[0];
            assert_eq!(
                (span.text("error.type"), span.is_error()),
                (class, class.is_some())
            );
            assert!(!format!("{span:?}").contains("hunter2"));
        }
    }
}

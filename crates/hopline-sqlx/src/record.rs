//! How a statement's span ends.

use std::marker::PhantomData;

use hopline_core::{Name, Span, attr, semconv};
use sqlx::{Either, Error};

use crate::database::{Step, TracedDatabase};
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
    database: PhantomData<fn() -> DB>,
}

impl<DB: TracedDatabase> Record<DB> {
    pub(crate) fn new((span, writes): (Span, bool)) -> Self {
        Self {
            span,
            rows: 0,
            affected: None,
            writes,
            wait: Waited::No,
            ended: false,
            database: PhantomData,
        }
    }

    /// Runs with its span current, if there is one.
    #[inline]
    pub(crate) fn scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        if self.span.is_recording() {
            self.span.in_scope(work)
        } else {
            work()
        }
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
    }
}

/// The span of a step that has no rows: BEGIN, COMMIT, a prepare.
///
/// Dropped before [`end`](Pending::end), which is when the call was, it says that the step was not completed.
pub(crate) struct Pending {
    span: Span,
    wait: Waited,
    ended: bool,
}

impl Pending {
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            wait: Waited::No,
            ended: false,
        }
    }

    /// It waits for a connection from now on.
    pub(crate) fn waiting(&mut self) -> Wait<'_> {
        Wait::new(&self.span, &mut self.wait)
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
    use hopline_core::{Kind, SpanBuilder, no_attrs};
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
                .start(Some(&tracer), no_attrs);
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

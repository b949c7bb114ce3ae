//! How a statement's span ends.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use hopline_core::{Context, Name, Span, attr, semconv};
use sqlx::{Either, Error};

use crate::database::{Step, TracedDatabase};

/// Counts what comes back, and ends the span once: at the result's end, at an error, or when it is dropped half-way.
pub(crate) struct Record<DB> {
    span: Span,
    rows: u64,
    affected: Option<u64>,
    /// The statement changes rows; what a read reports as changed is not true.
    writes: bool,
    wait: Option<Duration>,
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
            wait: None,
            ended: false,
            database: PhantomData,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        self.span.context_ref()
    }

    /// How long the pool let it wait for a connection.
    pub(crate) fn waited(&mut self, wait: Duration) {
        self.wait = Some(wait);
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
        self.span.set_all(|| {
            [
                attr(
                    "db.response.returned_rows",
                    (!self.writes || self.rows > 0).then_some(self.rows),
                ),
                attr(
                    "hopline.db.affected_rows",
                    self.affected.filter(|_| self.writes),
                ),
                attr(
                    "hopline.db.pool_wait_ms",
                    self.wait.map(|wait| wait.as_secs_f64() * 1e3),
                ),
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
    ended: bool,
}

impl Pending {
    pub(crate) fn new(span: Span) -> Self {
        Self { span, ended: false }
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
        if !self.ended {
            self.span.set("hopline.db.completed", false);
        }
    }
}

/// Marks a span by the error's code, or its class. Never its message, which may hold values.
fn fail<DB: TracedDatabase>(span: &Span, error: &Error) {
    if !span.is_recording() {
        return;
    }
    let error_type: Cow<'static, str> = match error {
        Error::Database(error) => match DB::status_code(&**error) {
            Some(code) => {
                span.set(semconv::DB_RESPONSE_STATUS_CODE, &code);
                code.into()
            }
            None => "_OTHER".into(),
        },
        Error::PoolTimedOut => "pool_timed_out".into(),
        Error::PoolClosed => "pool_closed".into(),
        Error::Io(_) => "io".into(),
        Error::Tls(_) => "tls".into(),
        Error::Protocol(_) => "protocol".into(),
        Error::WorkerCrashed => "worker_crashed".into(),
        _ => "_OTHER".into(),
    };
    match error_type {
        Cow::Borrowed(class) => span.fail(class),
        Cow::Owned(code) => span.fail(Name::dynamic(&code)),
    }
}

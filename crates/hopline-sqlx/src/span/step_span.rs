//! The guard of a step's span.
//!
//! | event | span | log event |
//! |---|---|---|
//! | the step succeeds | ends | written |
//! | the step fails | ends with `error.type` | written |
//! | the call is dropped | ends with `hopline.db.completed` = `false` | written, if the step was polled |
//!
//! It also reports the duration of the step, in each of these cases.

use std::future::poll_fn;
use std::pin::pin;

use hopline_core::{Span, attr};
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::log::StatementLog;
#[cfg(feature = "migrate")]
use crate::span::error_class::ErrorClass;
use crate::span::measurement::Measurement;
use crate::span::pool_wait::{POOL_WAIT, PoolWait, WaitTime};

/// The span of a step without rows: BEGIN, COMMIT, a prepare.
///
/// # Cancellation
///
/// If the call is dropped before [`end`](Self::end), the span ends as not completed.
pub(crate) struct StepSpan {
    span: Span,
    measurement: Measurement,
    /// The wait for a connection, if the step acquires one.
    wait: WaitTime,
    /// The step has an outcome.
    ended: bool,
    /// The log event, of steps that sqlx logs as statements.
    log: Option<Box<StatementLog>>,
}

impl StepSpan {
    /// A step that writes no log event.
    pub(super) fn new(span: Span, measurement: Measurement) -> Self {
        Self {
            span,
            measurement,
            wait: WaitTime::None,
            ended: false,
            log: None,
        }
    }

    /// A step that is logged as a statement.
    pub(super) fn logged(
        span: Span,
        measurement: Measurement,
        log: Option<Box<StatementLog>>,
    ) -> Self {
        let mut step = Self::new(span, measurement);
        step.log = log;
        step
    }

    /// Begins to measure the wait for a connection.
    pub(crate) fn waiting(&mut self) -> PoolWait<'_> {
        PoolWait::new(&self.span, &mut self.wait)
    }

    /// Runs the step and ends the span with it. The log event's duration is that of `work`, without the wait for a
    /// connection.
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

    /// Ends the span with an outcome that the caller records.
    #[cfg(feature = "migrate")]
    pub(crate) fn end_with(mut self, record: impl FnOnce(&mut Self)) {
        self.ended = true;
        record(&mut self);
    }

    /// Marks the step as failed with a class of the caller.
    #[cfg(feature = "migrate")]
    pub(crate) fn fail_as(&mut self, name: &'static str) {
        self.span.fail(name);
        self.measurement.fail(&ErrorClass::Named(name));
    }

    /// Ends the span with the outcome of the step, and returns it.
    pub(crate) fn end<DB: TracedDatabase, T>(
        mut self,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        self.ended = true;
        result.inspect_err(|error| self.fail::<DB>(error))
    }

    /// Marks the step as failed.
    pub(crate) fn fail<DB: TracedDatabase>(&mut self, error: &Error) {
        self.measurement.fail_with::<DB>(&self.span, error);
    }
}

/// Ends the span, on return and on cancellation. Never blocks.
impl Drop for StepSpan {
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.span, Span::none());
        let measurement = std::mem::replace(&mut self.measurement, Measurement::NONE);
        let wait = self.wait.millis(&span);
        let attrs = || {
            [
                attr(POOL_WAIT, wait),
                attr("hopline.db.completed", (!self.ended).then_some(false)),
            ]
        };
        measurement.stop(span, attrs, None);
        if let Some(log) = self.log.take() {
            log.finish(0, 0);
        }
    }
}

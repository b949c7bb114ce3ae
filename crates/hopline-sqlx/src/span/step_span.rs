//! The guard of a step's span.
//!
//! | event | span | log event |
//! |---|---|---|
//! | the step succeeds | ends | written |
//! | the step fails | ends with `error.type` | written |
//! | the call is dropped | ends with `hopline.db.completed` = `false` | written, if the step was polled |

use std::future::poll_fn;
use std::pin::pin;

use hopline_core::{Span, attr};
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::log::StatementLog;
use crate::span::error_class::fail;
use crate::span::pool_wait::{POOL_WAIT, PoolWait, WaitTime};

/// The span of a step without rows: BEGIN, COMMIT, a prepare.
///
/// # Cancellation
///
/// If the call is dropped before [`end`](Self::end), the span ends as not completed.
pub(crate) struct StepSpan {
    span: Span,
    /// The wait for a connection, if the step acquires one.
    wait: WaitTime,
    /// The step has an outcome.
    ended: bool,
    /// The log event, of steps that sqlx logs as statements.
    log: Option<Box<StatementLog>>,
}

impl StepSpan {
    /// A step that writes no log event.
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            wait: WaitTime::None,
            ended: false,
            log: None,
        }
    }

    /// A step that is logged as a statement.
    pub(crate) fn logged(span: Span, log: Option<Box<StatementLog>>) -> Self {
        let mut step = Self::new(span);
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
    pub(crate) fn end_with(mut self, record: impl FnOnce(&Span)) {
        self.ended = true;
        record(&self.span);
    }

    /// Ends the span with the outcome of the step, and returns it.
    pub(crate) fn end<DB: TracedDatabase, T>(
        mut self,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        self.ended = true;
        result.inspect_err(|error| fail::<DB>(&self.span, error))
    }
}

/// Ends the span, on return and on cancellation. Never blocks.
impl Drop for StepSpan {
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

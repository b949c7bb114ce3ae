//! How long a step waits for a connection.

use std::time::Duration;

use hopline_core::Span;
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::record::fail;
use crate::settings::Settings;

pub(crate) const POOL_WAIT: &str = "hopline.db.pool_wait_ms";

/// How long the pool let a step wait for a connection.
#[derive(Clone, Copy)]
pub(crate) enum Waited {
    No,
    /// It waits since its span was so old.
    Since(Duration),
    For(Duration),
}

impl Waited {
    pub(crate) fn millis(self, span: &Span) -> Option<f64> {
        let wait = match self {
            Self::No => return None,
            // given up
            Self::Since(begun) => span.context_ref().elapsed()?.saturating_sub(begun),
            Self::For(wait) => wait,
        };
        Some(wait.as_secs_f64() * 1e3)
    }
}

/// A wait for a connection that is going on.
pub(crate) struct Wait<'a> {
    span: &'a Span,
    waited: &'a mut Waited,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(span: &'a Span, waited: &'a mut Waited) -> Self {
        // a call may lie about before it is polled: that is no wait
        if span.is_recording()
            && let Some(begun) = span.context_ref().elapsed()
        {
            *waited = Waited::Since(begun);
        }
        Self { span, waited }
    }

    /// It is over; `settings` are those of a pool where it may become a span.
    pub(crate) fn over<DB: TracedDatabase, T>(
        self,
        settings: Option<&Settings>,
        acquired: &Result<T, Error>,
    ) {
        let Waited::Since(begun) = *self.waited else {
            return;
        };
        let Some(age) = self.span.context_ref().elapsed() else {
            return;
        };
        let wait = age.saturating_sub(begun);
        *self.waited = Waited::For(wait);
        let span = settings.and_then(|settings| settings.waited(self.span.context_ref(), wait));
        if let (Some(span), Err(error)) = (span, acquired) {
            fail::<DB>(&span, error);
        }
    }
}

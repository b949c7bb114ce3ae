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
    /// Until now, if it goes on or was given up.
    fn so_far(self, span: &Span) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Since(begun) => Some(span.context_ref().elapsed()?.saturating_sub(begun)),
            Self::For(wait) => Some(wait),
        }
    }

    pub(crate) fn millis(self, span: &Span) -> Option<f64> {
        Some(self.so_far(span)?.as_secs_f64() * 1e3)
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
        let Some(wait) = self.waited.so_far(self.span) else {
            return;
        };
        *self.waited = Waited::For(wait);
        let span = settings.and_then(|settings| settings.waited(self.span.context_ref(), wait));
        if let (Some(span), Err(error)) = (span, acquired) {
            fail::<DB>(&span, error);
        }
    }
}

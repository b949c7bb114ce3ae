//! How long a step waits for a connection.

use std::time::Duration;

use hopline_core::Span;
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::record::fail;
use crate::settings::Settings;

pub(crate) const POOL_WAIT: &str = "hopline.db.pool_wait_ms";

/// How long the pool let a step wait for a connection: from its span's start, which is when it was called.
#[derive(Clone, Copy)]
pub(crate) enum Waited {
    No,
    Still,
    For(Duration),
}

impl Waited {
    pub(crate) fn millis(self, span: &Span) -> Option<f64> {
        let wait = match self {
            Self::No => return None,
            // given up
            Self::Still => span.context_ref().elapsed()?,
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
        if span.is_recording() {
            *waited = Waited::Still;
        }
        Self { span, waited }
    }

    /// It is over; `settings` are those of a pool where it may become a span.
    pub(crate) fn over<DB: TracedDatabase, T>(
        self,
        settings: Option<&Settings>,
        acquired: &Result<T, Error>,
    ) {
        let (Waited::Still, Some(wait)) = (*self.waited, self.span.context_ref().elapsed()) else {
            return;
        };
        *self.waited = Waited::For(wait);
        let span = settings.and_then(|settings| settings.waited(self.span.context_ref(), wait));
        if let (Some(span), Err(error)) = (span, acquired) {
            fail::<DB>(&span, error);
        }
    }
}

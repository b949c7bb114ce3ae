//! Spans of operations that a caller awaits.

use hopline_core::{Context, Span};

use super::measurement::Measured;

/// The span of an operation that a caller awaits. Dropped before the operation is done, it is marked cancelled.
///
/// Empty only after its end, so that `Drop` does not end the span twice.
#[derive(Debug)]
pub(crate) struct InFlight(Option<Measured>);

impl InFlight {
    /// The span of an operation that has metrics.
    pub(crate) fn new(measured: Measured) -> Self {
        Self(Some(measured))
    }

    /// The span of several operations, each of which has metrics. It is not measured itself: the metrics count each
    /// operation once.
    pub(crate) fn of_several(span: Span) -> Self {
        Self(Some(Measured::not(span)))
    }

    /// Ends the span with the operation's result.
    ///
    /// Returns the result unchanged. `error_type` runs for a failure only.
    pub(crate) fn ended<T, E>(
        self,
        result: Result<T, E>,
        error_type: impl FnOnce(&E) -> String,
    ) -> Result<T, E> {
        self.done_with(result.as_ref().err().map(error_type));
        result
    }

    /// Ends the span of an operation that succeeded.
    pub(crate) fn done(self) {
        self.done_with(None);
    }

    /// Ends the span, failed if there is an `error.type`.
    pub(crate) fn done_with(mut self, error_type: Option<String>) {
        if let Some(mut measured) = self.0.take() {
            if let Some(error_type) = error_type {
                measured.fail(&error_type);
            }
            measured.end();
        }
    }

    /// Counts a message that the operation received.
    pub(crate) fn received(&mut self) {
        if let Some(measured) = &mut self.0 {
            measured.received();
        }
    }

    /// Returns the context in which the operation runs: spans that it starts are children of this one.
    pub(crate) fn context(&self) -> Context {
        let context = self.0.as_ref().map(|measured| measured.span.context());
        context.unwrap_or_default()
    }
}

/// The caller dropped the future that awaits the operation. Does not block.
impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(mut measured) = self.0.take() {
            measured.cancel();
            measured.end();
        }
    }
}

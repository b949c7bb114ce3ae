//! Spans of operations that a caller awaits.

use hopline_core::{Context, Name, Span};

/// The span of an operation that a caller awaits. Dropped before the operation is done, it is marked cancelled.
#[derive(Debug)]
pub(crate) struct InFlight(Option<Span>);

impl InFlight {
    pub(crate) fn new(span: Span) -> Self {
        Self(Some(span))
    }

    /// Ends the span with the operation's result.
    pub(crate) fn ended<T, E>(
        self,
        result: Result<T, E>,
        error_type: impl FnOnce(&E) -> String,
    ) -> Result<T, E> {
        self.done_with(result.as_ref().err().map(error_type));
        result
    }

    /// Ends the span of an operation that succeeded.
    pub(crate) fn done(mut self) {
        self.0 = None;
    }

    /// Ends the span, failed if there is an `error.type`.
    pub(crate) fn done_with(mut self, error_type: Option<String>) {
        if let (Some(span), Some(error_type)) = (self.0.take(), error_type) {
            span.fail(Name::dynamic(&error_type));
        }
    }

    pub(crate) fn context(&self) -> Context {
        self.0.as_ref().map(Span::context).unwrap_or_default()
    }
}

/// The caller dropped the future that awaits the operation. Does not block.
impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.cancel();
        }
    }
}

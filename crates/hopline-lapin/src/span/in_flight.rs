//! Spans of operations that a caller awaits. Publishes, requests and `basic_get` hold one.

use hopline_core::{Context, Name, Span};

/// The span of an operation that a caller awaits. Dropped before the operation is done, it is marked cancelled.
#[derive(Debug)]
pub(crate) struct InFlight(Option<Span>);

impl InFlight {
    /// Takes the span of an operation that begins now.
    pub(crate) fn new(span: Span) -> Self {
        Self(Some(span))
    }

    /// Ends the span with the operation's result, and returns that.
    ///
    /// The error's type is computed for failed operations only.
    pub(crate) fn ended<T, E>(
        self,
        result: Result<T, E>,
        error_type: impl FnOnce(&E) -> String,
    ) -> Result<T, E> {
        self.done_with(result.as_ref().err().map(error_type));
        result
    }

    /// Ends the span of an operation that succeeded, without a look at an error's type.
    pub(crate) fn done(mut self) {
        self.0 = None;
    }

    /// Ends the span, failed if there is an `error.type`.
    pub(crate) fn done_with(mut self, error_type: Option<String>) {
        if let (Some(span), Some(error_type)) = (self.0.take(), error_type) {
            span.fail(Name::dynamic(&error_type));
        }
    }

    /// Returns the span's context, for spans under it and attributes.
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

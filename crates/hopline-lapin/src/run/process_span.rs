//! The process span of a job that a runner handles. A job that is settled by its application keeps its span with the
//! message instead.

use hopline_core::{Context, Literal, Name, Span};

/// A process span that records its outcome in each case: as settled, or `abandoned` if it is dropped before
/// [`end`](ProcessSpan::end).
pub(super) struct ProcessSpan(Option<Span>);

impl ProcessSpan {
    /// Takes the span of a handler that starts now.
    pub(super) fn new(span: Span) -> Self {
        Self(Some(span))
    }

    /// Returns the context to run the handler in; settling runs in it too, so that a copy's publish span is under it.
    pub(super) fn context(&self) -> Context {
        self.0.as_ref().map(Span::context).unwrap_or_default()
    }

    /// Fails the span if there is an `error.type`. The runner passes the first failure only: that of settling does
    /// not replace a handler's.
    pub(super) fn fail(&self, error_type: Option<&str>) {
        if let (Some(span), Some(error_type)) = (&self.0, error_type) {
            span.fail(Name::dynamic(error_type));
        }
    }

    /// Ends the span with this outcome: `ack`, `requeue`, `reject`, `dead_letter` or `lost`. A span that is dropped
    /// instead has `abandoned`.
    pub(super) fn end(mut self, outcome: &'static str) {
        if let Some(span) = self.0.take() {
            span.set("hopline.messaging.outcome", Literal(outcome));
        }
    }
}

/// The runner was dropped, or its drain is over: the message is delivered again when the channel closes. Does not
/// block.
impl Drop for ProcessSpan {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.set("hopline.messaging.outcome", Literal("abandoned"));
            span.cancel();
        }
    }
}

//! The process span of a job that a runner handles.

use hopline_core::{Context, Literal, Name, Span};

/// A process span that records its outcome in each case.
pub(super) struct ProcessSpan(Option<Span>);

impl ProcessSpan {
    pub(super) fn new(span: Span) -> Self {
        Self(Some(span))
    }

    pub(super) fn context(&self) -> Context {
        self.0.as_ref().map(Span::context).unwrap_or_default()
    }

    pub(super) fn fail(&self, error_type: Option<&str>) {
        if let (Some(span), Some(error_type)) = (&self.0, error_type) {
            span.fail(Name::dynamic(error_type));
        }
    }

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

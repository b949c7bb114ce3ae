//! The process span of a job that a runner handles. A job that is settled by its application keeps its span with the
//! message instead.

use hopline_core::{Context, Literal};

use crate::span::Measured;

/// A process span that records its outcome in each case: as settled, or `abandoned` if it is dropped before
/// [`end`](ProcessSpan::end).
pub(super) struct ProcessSpan(Option<Measured>);

impl ProcessSpan {
    /// Takes the span of a handler that starts now.
    ///
    /// Its measurement reports the time of processing when the span ends.
    pub(super) fn new(measured: Measured) -> Self {
        Self(Some(measured))
    }

    /// Returns the context to run the handler in; settling runs in it too, so that a copy's publish span is under it.
    pub(super) fn context(&self) -> Context {
        let measured = self.0.as_ref();
        measured.map(|it| it.span.context()).unwrap_or_default()
    }

    /// Fails the span if there is an `error.type`. The runner passes the first failure only: that of settling does
    /// not replace a handler's.
    pub(super) fn fail(&mut self, error_type: Option<&str>) {
        if let (Some(measured), Some(error_type)) = (&mut self.0, error_type) {
            measured.fail(error_type);
        }
    }

    /// Ends the span with this outcome: `ack`, `requeue`, `reject`, `dead_letter` or `lost`. A span that is dropped
    /// instead has `abandoned`.
    pub(super) fn end(mut self, outcome: &'static str) {
        if let Some(measured) = self.0.take() {
            let span = &measured.span;
            span.set("hopline.messaging.outcome", Literal(outcome));
            measured.end();
        }
    }
}

/// The runner was dropped, or its drain is over: the message is delivered again when the channel closes. Does not
/// block.
impl Drop for ProcessSpan {
    fn drop(&mut self) {
        if let Some(mut measured) = self.0.take() {
            let span = &measured.span;
            span.set("hopline.messaging.outcome", Literal("abandoned"));
            measured.cancel();
            measured.end();
        }
    }
}

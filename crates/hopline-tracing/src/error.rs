//! The error of calls on a `tracing` span that have no effect.
//!
//! [`SpanExt`](crate::SpanExt)'s methods return it. Each kind has a question and a remedy in its text.

/// The error of a call on a `tracing` span that has no effect. Its text has the reason and the remedy.
///
/// # Examples
///
/// ```
/// use hopline_tracing::SpanExt as _;
///
/// let error = tracing::Span::none().set("queue", "mails").unwrap_err();
/// assert!(error.is_disabled());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct SpanError(#[from] Problem);

hopline_core::debug_as_display!(SpanError);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error(
        "the span is disabled by a filter, so it is not in the trace; enable its level or target"
    )]
    Disabled,
    #[error(
        "the subscriber has no layer of hopline, or one under `reload`; add hopline_tracing::layer() outside `reload`"
    )]
    NoLayer,
    #[error(
        "the span is outside any trace; create it within a request, give it a parent by set_parent, or let it start \
         a trace by builder().roots(level)"
    )]
    Outside,
    #[error(
        "the span has started, so its parent is fixed; call set_parent before it is entered or used"
    )]
    Started,
}

impl SpanError {
    /// The span is disabled by a filter.
    pub(crate) fn disabled() -> Self {
        Self(Problem::Disabled)
    }

    /// The subscriber has no layer of hopline.
    pub(crate) fn no_layer() -> Self {
        Self(Problem::NoLayer)
    }

    /// The span is outside any trace.
    pub(crate) fn outside() -> Self {
        Self(Problem::Outside)
    }

    /// The span has started, so its parent is fixed.
    pub(crate) fn started() -> Self {
        Self(Problem::Started)
    }

    /// True if a filter disabled the span.
    pub fn is_disabled(&self) -> bool {
        self.0 == Problem::Disabled
    }

    /// True if the subscriber has no layer of hopline.
    pub fn is_no_layer(&self) -> bool {
        self.0 == Problem::NoLayer
    }

    /// True if the span is outside any trace.
    pub fn is_outside(&self) -> bool {
        self.0 == Problem::Outside
    }

    /// True if the call comes too late: the span has started.
    pub fn is_started(&self) -> bool {
        self.0 == Problem::Started
    }
}

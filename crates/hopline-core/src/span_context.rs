//! What travels of a span.

use std::fmt;
use std::str::FromStr;

use crate::propagation::traceparent;
use crate::{SpanId, TraceFlags, TraceId, TraceState};

/// The part of a span that travels between processes.
///
/// # Examples
///
/// ```
/// use hopline_core::SpanContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: SpanContext = text.parse()?;
/// assert!(context.is_sampled() && context.is_remote());
/// assert_eq!(context.to_string(), text);
/// # Ok::<(), hopline_core::ParseTraceParentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    remote: bool,
    tracestate: TraceState,
}

impl SpanContext {
    /// Creates a context of this process, with an empty tracestate.
    pub fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            remote: false,
            tracestate: TraceState::EMPTY,
        }
    }

    /// The same with a tracestate.
    #[must_use]
    pub fn with_tracestate(mut self, tracestate: TraceState) -> Self {
        self.tracestate = tracestate;
        self
    }

    /// The same, marked as having come from another process.
    #[must_use]
    pub(crate) fn into_remote(mut self) -> Self {
        self.remote = true;
        self
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span in it.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Its flags.
    pub fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// What vendors added.
    pub fn tracestate(&self) -> &TraceState {
        &self.tracestate
    }

    /// True if the trace is sampled.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// True if it came from another process.
    pub fn is_remote(&self) -> bool {
        self.remote
    }
}

/// As the `traceparent` header has it, in version 00.
impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(traceparent::Text::new(self.trace_id, self.span_id, self.flags).as_str())
    }
}

/// Strict parsing of a `traceparent` header.
impl FromStr for SpanContext {
    type Err = ParseTraceParentError;

    fn from_str(text: &str) -> Result<Self, ParseTraceParentError> {
        traceparent::parse(text.as_bytes()).ok_or(ParseTraceParentError)
    }
}

/// The text was not a valid `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid traceparent")]
pub struct ParseTraceParentError;

crate::debug_as_display!(ParseTraceParentError);

//! Propagation: W3C Trace Context and Baggage, read from and written to headers or message properties.
//!
//! For integrations. [`Incoming::extract`] reads a context, [`Context::inject`](crate::Context::inject) writes one.

pub(crate) mod baggage;
pub(crate) mod otel;
mod propagators;
pub(crate) mod traceparent;
pub(crate) mod tracestate;

pub use crate::baggage::{Baggage, BaggageError};
pub use crate::carrier::{Extract, Incoming, Inject};
pub use crate::flags::TraceFlags;
pub use crate::id::ParseIdError;
pub use crate::span_context::{ParseTraceParentError, SpanContext};
pub use crate::state::{ParseTraceStateError, TraceState};
pub use propagators::Propagators;

/// The header that carries trace id, span id and flags.
pub const TRACEPARENT: &str = "traceparent";
/// The header that carries what vendors add to a trace.
pub const TRACESTATE: &str = "tracestate";
/// The header that carries the application's own key-value pairs.
pub const BAGGAGE: &str = "baggage";

/// Without the optional white space (space and tab) that headers may have around a value.
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

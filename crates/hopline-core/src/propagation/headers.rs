//! The names of the trace headers, and the white space that their grammars share.

/// The name of the header with trace id, span id and flags
/// ([section 3.2](https://www.w3.org/TR/trace-context-2/#traceparent-header)).
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use hopline_core::propagation::TRACEPARENT;
/// use hopline_core::{Incoming, Span};
///
/// let mut headers = HashMap::new();
/// Span::unrecorded(Incoming::default()).context_ref().inject(&mut headers);
/// assert_eq!(headers[TRACEPARENT].len(), 55);
/// ```
pub const TRACEPARENT: &str = "traceparent";
/// The name of the header with the members of tracing vendors
/// ([section 3.3](https://www.w3.org/TR/trace-context-2/#tracestate-header)).
pub const TRACESTATE: &str = "tracestate";
/// The name of the header with the application's key-value pairs ([W3C Baggage](https://www.w3.org/TR/baggage/)).
pub const BAGGAGE: &str = "baggage";

/// Removes the optional white space (space and tab) around a value.
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

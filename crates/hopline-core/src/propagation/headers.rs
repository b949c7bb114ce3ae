//! Names of the trace headers, and what their grammars share.

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

//! What a caller's trace context counts for.

/// What a caller's `traceparent`, `tracestate` and `baggage` count for.
///
/// Who continues strangers' traces lets them decide what is recorded, and join traces that are not theirs
/// ([Trace Context, security considerations](https://www.w3.org/TR/trace-context-2/#security-considerations)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The request is a part of the caller's trace, sampled as the caller says, and brings its baggage.
    #[default]
    Continue,
    /// It begins a trace of its own, linked to the caller's span. Sampling decision, tracestate and baggage of the
    /// caller do not count.
    Link,
    /// It begins a trace of its own that says nothing of the caller.
    Restart,
    /// It is not recorded, by this layer or one further inside, and nothing that the caller sent is passed on.
    Ignore,
}

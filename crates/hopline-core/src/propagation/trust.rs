//! Trust in the trace context that a caller sends.

/// Use of the `traceparent`, `tracestate` and `baggage` of a caller or a publisher.
///
/// A process that continues strangers' traces lets them decide what is recorded, and lets them join traces that are
/// not theirs ([Trace Context, security considerations](https://www.w3.org/TR/trace-context-2/#security-considerations)).
/// Server layers and message channels take one; [`Incoming::extract_with`](crate::Incoming::extract_with) applies it.
///
/// | | trace | sampled flag, tracestate, baggage | span |
/// |---|---|---|---|
/// | [`Continue`](Trust::Continue) | the caller's | used and passed on | child of the caller's |
/// | [`Link`](Trust::Link) | a new one | not read | root, linked to the caller's |
/// | [`Restart`](Trust::Restart) | a new one | not read | root |
/// | [`Ignore`](Trust::Ignore) | a new one | not read | none |
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use hopline_core::{Incoming, Trust};
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
/// let headers = HashMap::from([("traceparent".to_owned(), parent)]);
/// assert!(Incoming::extract_with(&headers, Trust::Continue).parent.is_some());
/// assert!(Incoming::extract_with(&headers, Trust::Link).link.is_some());
/// let restarted = Incoming::extract_with(&headers, Trust::Restart);
/// assert!(restarted.parent.is_none() && restarted.link.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The work is a part of the caller's trace, sampled as the caller decided, with its baggage.
    #[default]
    Continue,
    /// The work begins a trace of its own, linked to the caller's span. The link holds the caller's ids and flags;
    /// the caller's tracestate and baggage are not read.
    Link,
    /// The work begins a trace of its own, without a link. No header of the caller is read.
    Restart,
    /// The work is not recorded, neither by this layer nor by layers further inside. No header of the caller is read. Calls made in it
    /// carry a new trace that is not sampled.
    Ignore,
}

//! What a caller's trace context counts for.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap};

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
}

type Choose = dyn Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync;

/// The same for each request, or asked for each.
#[derive(Clone)]
pub(crate) enum TrustOf {
    All(Trust),
    Each(Arc<Choose>),
}

impl TrustOf {
    pub(crate) fn request(&self, headers: &HeaderMap, extensions: &Extensions) -> Trust {
        match self {
            Self::All(trust) => *trust,
            Self::Each(choose) => choose(headers, extensions),
        }
    }
}

impl fmt::Debug for TrustOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(trust) => trust.fmt(f),
            Self::Each(_) => f.write_str("by request"),
        }
    }
}

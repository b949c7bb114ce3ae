//! Response headers that name the trace: `Server-Timing` and `x-trace-id`.
//!
//! Written with the head of the response, when the outcome of the request is known except for its body.

use hopline_core::Span;
use hopline_http::server_timing::{announce_kept, announce_trace};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header that users quote to support. It has no standard; this name is the most common one.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The trace headers that a layer adds to responses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceHeaders {
    /// `Server-Timing` if the service keeps the trace.
    pub(crate) announce_kept: bool,
    /// `Server-Timing` in each response.
    pub(crate) server_timing: bool,
    /// `x-trace-id` in each response.
    pub(crate) trace_id: bool,
}

impl TraceHeaders {
    /// Writes the headers to a response.
    ///
    /// `announce_kept` takes precedence over `server_timing`: both write `Server-Timing`, and a reader uses one value. A
    /// trace that is announced as kept is kept, even if nothing else keeps it. Nothing is written for a span without an
    /// identity, as with `OTEL_SDK_DISABLED`.
    pub(crate) fn write(self, span: &Span, headers: &mut HeaderMap) {
        let kept = self.announce_kept && span.context_ref().promise_keep();
        if !(kept || self.server_timing || self.trace_id) {
            return;
        }
        let Some(context) = span.span_context() else {
            return;
        };
        if kept {
            announce_kept(headers, &context);
        } else if self.server_timing {
            announce_trace(headers, &context);
        }
        // cannot fail: an id has only hexadecimal digits
        if self.trace_id
            && let Ok(id) = HeaderValue::try_from(context.trace_id().to_string())
        {
            headers.insert(X_TRACE_ID, id);
        }
    }
}

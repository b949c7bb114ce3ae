//! Rules for server spans: the outcome by status code, and the headers of trusted proxies.
//!
//! Called by the layers of hopline-tower.

mod forwarded;

use hopline_core::{Context, Name};
use http::StatusCode;

pub use forwarded::Forwarded;

/// Fails a server span if the status is 5xx. `error.type` is the status code.
///
/// A 4xx status is the caller's error and leaves the span's status unset, as the semantic conventions require.
///
/// # Examples
///
/// ```
/// use hopline_http::server::record_status;
/// use http::StatusCode;
///
/// # use hopline_core::{Name, SpanBuilder};
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # for status in [StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
/// #     let span = SpanBuilder::new(Name::dynamic(status.as_str())).tracer(&tracer).start();
/// record_status(span.context_ref(), status);
/// # }
/// spans.one("404").succeeded();
/// spans.one("502").failed("502");
/// ```
pub fn record_status(span: &Context, status: StatusCode) {
    if status.is_server_error() {
        span.fail(Name::dynamic(status.as_str()));
    }
}

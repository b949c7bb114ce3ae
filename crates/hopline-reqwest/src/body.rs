//! Answers whose span lasts as long as their body.

use hopline_core::Span;
use hopline_http::client::CallBody;
use reqwest::{Body, Response, ResponseBuilderExt};

use crate::class;

/// The same answer with the span in its body.
pub(crate) fn with_span(response: Response, span: Span) -> Response {
    let url = response.url().clone();
    let (parts, body) = http::Response::from(response).into_parts();
    let body: CallBody<Body> = CallBody::with_span(body, span, class::of_reqwest);
    let mut whole = http::Response::new(Body::wrap(body));
    *whole.status_mut() = parts.status;
    *whole.version_mut() = parts.version;
    *whole.headers_mut() = parts.headers;
    whole.extensions_mut().extend(parts.extensions);
    // reqwest looks for the URL where only this builder can put it; a head of nothing else is always a good one
    if let Ok(head) = http::Response::builder().url(url).body(()) {
        whole
            .extensions_mut()
            .extend(head.into_parts().0.extensions);
    }
    whole.into()
}

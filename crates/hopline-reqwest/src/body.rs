//! Bodies that are watched: of requests to count their bytes, of responses whose span ends with them.

use hopline_http::body::{ByteCount, CountedBody};
use hopline_http::client::{CallBody, CallSpan};
use reqwest::{Body, Request, Response, ResponseBuilderExt};

use crate::class;

/// Sets the count to the size of the request's body, or counts the bytes of a stream as they are sent.
pub(crate) fn count(request: &mut Request, count: &ByteCount) {
    match request.body().map(Body::as_bytes) {
        None => count.set(0),
        Some(Some(bytes)) => count.set(bytes.len() as u64),
        Some(None) => {
            if let Some(body) = request.body_mut() {
                let stream = std::mem::take(body);
                *body = Body::wrap(CountedBody::new(stream, count));
            }
        }
    }
}

/// Moves the span into the response's body.
pub(crate) fn with_span(response: Response, span: CallSpan) -> Response {
    let url = response.url().clone();
    let (parts, body) = http::Response::from(response).into_parts();
    let body: CallBody<Body> = CallBody::with_span(body, span, class::of_reqwest);
    let mut whole = http::Response::new(Body::wrap(body));
    *whole.status_mut() = parts.status;
    *whole.version_mut() = parts.version;
    *whole.headers_mut() = parts.headers;
    whole.extensions_mut().extend(parts.extensions);
    // reqwest reads the URL from an extension that only its builder can insert; cannot fail without other parts
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        whole
            .extensions_mut()
            .extend(with_url.into_parts().0.extensions);
    }
    whole.into()
}

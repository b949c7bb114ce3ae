//! The future of a response.
//!
//! It ends the span if no body follows the head; otherwise it moves the span into the [`ResponseBody`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::pooled_span::PooledSpan;
use crate::scoped::{Scoped, poll_once};

pin_project! {
    /// The future of a response. The request's context is current while it is polled and while it is dropped.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops the service's future, and then ends the span with `error.type` `cancelled`.
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it was ready, as futures of `async` blocks do.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use hopline_tower::TraceLayer;
    /// use http::{Request, Response};
    /// use tower::{Layer, Service, service_fn};
    ///
    /// let never = |_: Request<()>| std::future::pending::<Result<Response<String>, Infallible>>();
    /// let layer = TraceLayer::new();
    /// # let (tracer, spans) = hopline_testing::tracer("orders");
    /// # let layer = layer.tracer(tracer);
    /// drop(layer.layer(service_fn(never)).call(Request::new(())));
    /// assert_eq!(spans.named("GET")[0].text("error.type"), Some("cancelled"));
    /// ```
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        scoped: Scoped<F, PooledSpan>,
    }
}

impl<F> ResponseFuture<F> {
    /// Wraps the service's future. The span is none if a layer outside records the request.
    pub(crate) fn new(inner: F, span: PooledSpan) -> Self {
        Self {
            scoped: Scoped::new(inner, span),
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.project().scoped.project();
        let Some(span) = this.scope.get() else {
            return poll_once(this.inner, cx).map_ok(|response| {
                response.map(|body| ResponseBody::new(body, PooledSpan::default()))
            });
        };
        let result = ready!(span.in_scope(|| poll_once(this.inner, cx)));
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                span.fail("service_error");
                return Poll::Ready(Err(error));
            }
        };
        if span.response_head(&mut response) || response.body().is_end_stream() {
            // servers do not poll a body that is at its end, or that the protocol does not allow
            span.end();
        }
        // trailers with the status of the call follow the last byte of a gRPC body
        let counts_bytes = span.is_recording() && !span.grpc.is_active();
        span.bytes_left = counts_bytes.then(|| announced_bytes(&response)).flatten();
        let span = this.scope.take();
        Poll::Ready(Ok(response.map(|body| ResponseBody::new(body, span))))
    }
}

/// Returns the length of the body, as the body or `content-length` announces it.
fn announced_bytes<B: Body>(response: &Response<B>) -> Option<u64> {
    response.body().size_hint().exact().or_else(|| {
        let length = response.headers().get(CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    })
}

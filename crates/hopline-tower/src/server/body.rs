//! The body of a response.
//!
//! It ends the span with the last frame: trailers, the last announced byte, or the end that the body reports, whichever is
//! first. Servers stop polling after any of them.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::pooled_span::PooledSpan;
use crate::scoped::Scoped;

pin_project! {
    /// The body of a response. The request's context is current while it is polled and while it is dropped; the
    /// request's span ends with its last frame.
    ///
    /// # Cancellation
    ///
    /// Dropping it before its end drops the inner body, and then ends the span with `error.type` `cancelled`. A body that
    /// was never polled ends its span without an `error.type`: a layer outside may have replaced it.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    /// use http::{Request, Response};
    /// use http_body_util::BodyExt;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let layer = TraceLayer::new();
    /// # let (tracer, spans) = hopline_testing::tracer("orders");
    /// # let layer = layer.tracer(tracer);
    /// let service = layer.layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new("order".to_owned()))
    /// }));
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let response = service.oneshot(Request::new(())).await.unwrap();
    /// assert!(spans.all().is_empty(), "the body is not sent yet");
    /// response.into_body().collect().await.unwrap();
    /// spans.one("GET").succeeded();
    /// # });
    /// ```
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        scoped: Scoped<B, PooledSpan>,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn new(inner: B, span: PooledSpan) -> Self {
        Self {
            scoped: Scoped::new(inner, span),
        }
    }

    fn inner(&self) -> Option<&B> {
        self.scoped.inner.as_ref()
    }
}

/// The body of a response that a layer outside made without the service, as time-out layers do.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::new(B::default(), PooledSpan::default())
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project().scoped.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(span) = this.scope.get() else {
            return inner.poll_frame(cx);
        };
        span.is_polled = true;
        let frame = ready!(span.in_scope(|| inner.as_mut().poll_frame(cx)));
        let sent = match &frame {
            Some(Ok(sent)) => sent,
            Some(Err(_)) => {
                span.fail("body_error");
                return Poll::Ready(frame);
            }
            None => {
                span.end();
                return Poll::Ready(frame);
            }
        };
        span.sent(sent);
        if let Some(trailers) = sent.trailers_ref() {
            // trailers are the last frame, and servers do not poll after them
            span.trailers(trailers);
            span.end();
            return Poll::Ready(frame);
        }
        if let (Some(left), Some(data)) = (span.bytes_left.as_mut(), sent.data_ref()) {
            *left = left.saturating_sub(data.remaining() as u64);
        }
        if let Some(data) = sent.data_ref().filter(|_| span.grpc.is_active()) {
            span.grpc_data(data.chunk());
        }
        // servers do not poll after the announced bytes, even if the body does not report its end
        if span.bytes_left == Some(0) || inner.is_end_stream() {
            span.end();
        } else if sent.is_data() {
            span.first_byte();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

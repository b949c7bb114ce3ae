//! An answer's body on its way to whoever called.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use hopline_core::{Literal, Span};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::attribute;
use crate::grpc::Status;

pin_project! {
    /// An answer's body that may hold its call's span: it ends with the last frame, or fails with the body.
    ///
    /// # Cancellation
    ///
    /// If it is dropped before its end the span ends, without an error: to stop reading is the caller's right.
    #[derive(Debug)]
    pub struct CallBody<B: Body> {
        #[pin]
        inner: B,
        span: Option<Span>,
        class: fn(&B::Error) -> &'static str,
    }
}

impl<B: Body> CallBody<B> {
    /// A body whose span has ended already.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            span: None,
            class: |_| "body",
        }
    }

    /// A body with its call's span; `class` is the `error.type` of an error of the body.
    pub fn with_span(inner: B, span: Span, class: fn(&B::Error) -> &'static str) -> Self {
        // a client may not ask a body that is at its end for more
        let span = Some(span).filter(|_| !inner.is_end_stream());
        Self { inner, span, class }
    }
}

/// Records the status that headers or trailers of gRPC bring.
pub(crate) fn grpc_status(span: &Span, headers: &HeaderMap) {
    if let Some(status) = Status::of(headers) {
        span.set(attribute::RPC_STATUS, Literal(status.name()));
        if status.is_client_error() {
            span.fail(status.name());
        }
    }
}

impl<B: Body> Body for CallBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(span) = &*this.span else {
            return Poll::Ready(frame);
        };
        let over = match &frame {
            Some(Ok(frame)) => {
                let trailers = frame.trailers_ref();
                if let Some(trailers) = trailers {
                    grpc_status(span, trailers);
                }
                trailers.is_some() || this.inner.is_end_stream()
            }
            Some(Err(error)) => {
                span.fail((this.class)(error));
                true
            }
            None => true,
        };
        if over {
            *this.span = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

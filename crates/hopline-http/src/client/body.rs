//! The body of a response to a call, which may hold the call's span, and counts its bytes.
//!
//! Clients use it for each response, so that its type does not depend on the options. Without a span it only passes frames
//! on.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use hopline_core::SpanKind;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::CallSpan;
use crate::body::data_bytes;
use crate::grpc::Status;

pin_project! {
    /// The body of a response. May hold the call's span, which ends with the last frame, and fails if the body fails.
    ///
    /// # Cancellation
    ///
    /// Dropping it before its end ends the span without an error.
    #[derive(Debug)]
    pub struct CallBody<B: Body> {
        #[pin]
        inner: B,
        // none if nothing is recorded of the body, and after its end. The span may have ended with the head.
        span: Option<CallSpan>,
        error_type: fn(&B::Error) -> &'static str,
    }
}

impl<B: Body> CallBody<B> {
    /// Wraps a body whose call's span has ended.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            span: None,
            error_type: |_| "body",
        }
    }

    /// Wraps a body and its call's span. `error_type` classifies an error of the body.
    pub fn with_span(inner: B, span: CallSpan, error_type: fn(&B::Error) -> &'static str) -> Self {
        // clients do not poll a body that is at its end, so the span would outlive the call
        let span = Some(span).filter(|_| !inner.is_end_stream());
        Self {
            inner,
            span,
            error_type,
        }
    }
}

/// Records the gRPC status in headers or trailers, if there is one.
pub(crate) fn record_grpc_status(span: &mut CallSpan, headers: &HeaderMap) {
    if let Some(status) = Status::from_headers(headers) {
        span.set_rpc_status(status);
        status.record(span.context_ref(), SpanKind::Client);
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
        let Some(span) = &mut *this.span else {
            return Poll::Ready(frame);
        };
        let over = match &frame {
            Some(Ok(frame)) => {
                span.count_response(data_bytes(frame));
                let trailers = frame.trailers_ref();
                if let Some(trailers) = trailers {
                    record_grpc_status(span, trailers);
                }
                trailers.is_some() || this.inner.is_end_stream()
            }
            Some(Err(error)) => {
                span.fail((this.error_type)(error));
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

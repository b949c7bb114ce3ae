//! The answer's body.

use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::slot::Slot;

pin_project! {
    /// The answer's body, with the request's context current while it is made. Its end is the span's.
    ///
    /// # Cancellation
    ///
    /// If it is dropped before its end, the inner body is dropped with the context current; then the span
    /// ends, marked as `cancelled`.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        root: Slot,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(root) = this.root.root() {
                root.in_scope(|| this.inner.set(None));
            }
        }
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn new(inner: B, root: Slot) -> Self {
        Self {
            inner: Some(inner),
            root,
        }
    }
}

/// The body of an answer that was made without the service, as layers for time-outs make one.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::new(B::default(), Slot::default())
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(root) = this.root.root() else {
            return inner.poll_frame(cx);
        };
        root.polled = true;
        let frame = ready!(root.in_scope(|| inner.as_mut().poll_frame(cx)));
        let sent = match &frame {
            Some(Ok(sent)) => sent,
            Some(Err(_)) => {
                root.fail("body_error");
                return Poll::Ready(frame);
            }
            None => {
                root.end();
                return Poll::Ready(frame);
            }
        };
        if let Some(trailers) = sent.trailers_ref() {
            // nothing follows them, and a server does not ask
            root.trailers(trailers);
            root.end();
            return Poll::Ready(frame);
        }
        if let (Some(left), Some(data)) = (root.left.as_mut(), sent.data_ref()) {
            *left = left.saturating_sub(data.remaining() as u64);
        }
        if root.is_grpc
            && let Some(data) = sent.data_ref()
        {
            root.grpc_bytes(data.chunk());
        }
        // a server does not ask for more than was promised, though the body may not know that it is at its end
        if root.left == Some(0) || inner.is_end_stream() {
            root.end();
        } else if sent.is_data() {
            root.bytes();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

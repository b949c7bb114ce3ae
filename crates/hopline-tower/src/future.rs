//! The future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll, ready};

use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::body::ResponseBody;
use crate::slot::Slot;

pin_project! {
    /// The answer to come, with the request's context current while it is made.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, the service's own future is dropped with the context current; then the span ends,
    /// marked as `cancelled`.
    ///
    /// # Panics
    ///
    /// If polled after it was ready, as futures of `async` blocks do.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        root: Slot,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(root) = this.root.root() {
                root.in_scope(|| this.inner.set(None));
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, root: Slot) -> Self {
        Self {
            inner: Some(inner),
            root,
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
        let this = self.project();
        let Some(root) = this.root.root() else {
            return poll_once(this.inner, cx)
                .map_ok(|response| response.map(|body| ResponseBody::new(body, Slot::default())));
        };
        let answer = root.in_scope(|| poll_once(this.inner, cx));
        let mut response = match ready!(answer) {
            Ok(response) => response,
            Err(error) => {
                root.fail("service_error");
                return Poll::Ready(Err(error));
            }
        };
        if root.head(&mut response) || response.body().is_end_stream() {
            // a server does not poll a body that is at its end, or that the protocol has no place for
            root.end();
        }
        // behind the bytes of gRPC come trailers, which say how the call ended
        let counts = root.recorded().is_some() && !root.is_grpc;
        root.left = counts.then(|| promised(&response)).flatten();
        let root = this.root.take();
        Poll::Ready(Ok(response.map(|body| ResponseBody::new(body, root))))
    }
}

/// Polls the service's future, and drops it with its answer: in one go, since both are done with the context current.
#[inline]
fn poll_once<F: Future>(mut inner: Pin<&mut Option<F>>, cx: &mut Cx<'_>) -> Poll<F::Output> {
    let Some(future) = inner.as_mut().as_pin_mut() else {
        polled_after_ready()
    };
    let answer = future.poll(cx);
    if answer.is_ready() {
        inner.set(None);
    }
    answer
}

/// A caller's mistake. To wait for ever would hide it, and would harm the request more than its failure.
#[cold]
pub(crate) fn polled_after_ready() -> ! {
    panic!("a future of hopline-tower was polled after it was ready")
}

/// How many bytes the head promises.
fn promised<B: Body>(response: &Response<B>) -> Option<u64> {
    response.body().size_hint().exact().or_else(|| {
        let length = response.headers().get(CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    })
}

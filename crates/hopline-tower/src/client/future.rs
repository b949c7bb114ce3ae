//! The future of a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

use hopline_core::Span;
use hopline_http::client::CallBody;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::layer::ClientLayer;
use crate::scoped::{Scope, Scoped, poll_once};

/// A call that is recorded.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    pub(crate) layer: Arc<ClientLayer>,
    pub(crate) keeps_with: bool,
    pub(crate) span: Span,
}

/// None for an untraced call.
impl Scope for Option<RecordedCall> {
    #[inline]
    fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        match self {
            Some(recorded) => recorded.span.in_scope(f),
            None => f(),
        }
    }
}

pin_project! {
    /// The future of a call. The call's context is current while it is polled and while it is dropped.
    ///
    /// # Cancellation
    ///
    /// Dropping it ends the span without an error.
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it was ready, as futures of `async` blocks do.
    #[derive(Debug)]
    pub struct CallFuture<F> {
        #[pin]
        scoped: Scoped<F, Option<RecordedCall>>,
    }
}

impl<F> CallFuture<F> {
    pub(crate) fn new(inner: F, recorded: Option<RecordedCall>) -> Self {
        Self {
            scoped: Scoped::new(inner, recorded),
        }
    }
}

impl<F, B, E> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CallBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.project().scoped.project();
        let result = ready!(this.scope.in_scope(|| poll_once(this.inner, cx)));
        let Some(recorded) = this.scope.take() else {
            return Poll::Ready(result.map(|response| response.map(CallBody::new)));
        };
        let RecordedCall {
            layer,
            keeps_with,
            span,
        } = recorded;
        Poll::Ready(match result {
            Ok(response) => Ok(layer.finish(span, keeps_with, response)),
            Err(error) => {
                span.fail("request");
                Err(error)
            }
        })
    }
}

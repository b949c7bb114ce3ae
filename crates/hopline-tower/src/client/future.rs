//! The future of a call.
//!
//! It ends the span with the head of the response, or moves it into the [`CallBody`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

use hopline_http::client::{CallBody, CallSpan};
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::settings::Settings;
use crate::scoped::{Scope, Scoped, poll_once};

/// A call that is recorded.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    /// Records the response.
    pub(crate) settings: Arc<Settings>,
    /// True if the host's announcement of a kept trace is followed.
    pub(crate) keeps_with: bool,
    /// The span of the call.
    pub(crate) span: CallSpan,
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use hopline_tower::ClientLayer;
    /// use http::{Request, Response};
    /// use tower::{Layer, Service, service_fn};
    ///
    /// let never = |_: Request<()>| std::future::pending::<Result<Response<String>, Infallible>>();
    /// let layer = ClientLayer::new();
    /// # let (tracer, spans) = hopline_testing::tracer("gateway");
    /// # let layer = layer.tracer(tracer);
    /// drop(layer.layer(service_fn(never)).call(Request::new(())));
    /// spans.one("GET").succeeded();
    /// ```
    #[derive(Debug)]
    pub struct CallFuture<F> {
        #[pin]
        scoped: Scoped<F, Option<RecordedCall>>,
    }
}

impl<F> CallFuture<F> {
    /// Wraps the service's future; without `recorded`, the call is not traced.
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
            settings,
            keeps_with,
            mut span,
        } = recorded;
        Poll::Ready(match result {
            Ok(response) => Ok(settings.finish(span, keeps_with, response)),
            Err(error) => {
                span.fail("request");
                Err(error)
            }
        })
    }
}

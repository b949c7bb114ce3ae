//! The service that records calls.
//!
//! For each call it starts the span, writes the trace headers, and runs the inner service in the span's context.

use std::sync::Arc;
use std::task::{Context as Cx, Poll};

use hopline_http::client::{CallBody, Untraced};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::{CallFuture, RecordedCall};
use super::settings::Settings;

/// Records each call that passes through it; made by [`ClientLayer`](super::ClientLayer).
///
/// # Examples
///
/// A type that holds a traced client:
///
/// ```
/// use hopline_tower::{ClientLayer, client::TraceClient};
/// use tower::Layer;
///
/// struct Inventory<S> {
///     client: TraceClient<S>,
/// }
///
/// impl<S> Inventory<S> {
///     fn new(connection: S) -> Self {
///         Self { client: ClientLayer::new().layer(connection) }
///     }
/// }
/// # let _ = Inventory::new(tower::service_fn(|_: http::Request<()>| async { Ok::<_, ()>(http::Response::new(())) })).client;
/// ```
#[derive(Clone, Debug)]
pub struct TraceClient<S> {
    inner: S,
    // shared, so that a clone, which clients make for each call, changes one reference count
    settings: Arc<Settings>,
}

impl<S> TraceClient<S> {
    pub(crate) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, Q, B> Service<Request<Q>> for TraceClient<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<CallBody<B>>;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        if request.extensions().get::<Untraced>().is_some() {
            return CallFuture::new(self.inner.call(request), None);
        }
        let mut span = self.settings.start(&request);
        let keeps_with = self.settings.inject(&span, &mut request);
        let inner = span.in_scope(|| self.inner.call(request));
        let recorded = RecordedCall {
            settings: self.settings.clone(),
            keeps_with,
            span,
        };
        CallFuture::new(inner, Some(recorded))
    }
}

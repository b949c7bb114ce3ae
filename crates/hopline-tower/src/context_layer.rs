//! Carries the context to a service that runs in another task.

use std::task::{Context as Cx, Poll};

use hopline_core::{FutureExt, future::InContext};
use hopline_http::client::CallerContext;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// Carries the current context in each request, across a service that runs its inner service in another task, such as
/// tower's `buffer`.
///
/// Outside such a service it inserts a [`CallerContext`] into the request's extensions, from which a
/// [`ClientLayer`](crate::ClientLayer) inside takes the parent of its span. For other code inside, a second `ContextLayer`
/// makes the context current again.
///
/// # Examples
///
/// ```
/// use hopline_tower::{ClientLayer, ContextLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// # use hopline_core::{FutureExt, Incoming, SpanBuilder};
/// # use http::{Request, Response};
/// # let connection = service_fn(|_: Request<String>| async {
/// #     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// # });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
///
/// let client = ServiceBuilder::new()
///     .layer(ContextLayer::new())
///     .buffer(8)
///     .layer(ClientLayer::new())
///     .service(connection);
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
/// # client.oneshot(Request::new(String::new())).in_span(request).await.unwrap();
/// # hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders\n└─ GET  200");
/// # });
/// ```
///
/// ```text
/// GET /orders/{id} ▸ orders
/// └─ GET  200
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ContextLayer {
    _private: (),
}

impl ContextLayer {
    /// Creates the layer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = CarryContext<S>;

    fn layer(&self, inner: S) -> CarryContext<S> {
        CarryContext { inner }
    }
}

/// Carries the current context in each request; made by [`ContextLayer`].
///
/// # Examples
///
/// ```
/// use hopline_core::{Context, FutureExt, SpanBuilder};
/// use hopline_tower::{CarryContext, ContextLayer};
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let (tracer, _spans) = hopline_testing::tracer("orders");
/// # let request = SpanBuilder::new("request").tracer(&tracer).start();
/// # let id = request.span_context();
/// let service: CarryContext<_> = ContextLayer::new().layer(service_fn(|_: Request<()>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Context::current().span_context()))
/// }));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let call = service.oneshot(Request::new(())).in_span(request);
/// assert_eq!(call.await.unwrap().into_body(), id);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct CarryContext<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for CarryContext<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = InContext<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let carried = request.extensions().get::<CallerContext>();
        let CallerContext(context) = match carried.map(CallerContext::nearest) {
            Some(context) => CallerContext(context),
            None => {
                let current = CallerContext::current();
                request.extensions_mut().insert(current.clone());
                current
            }
        };
        context
            .scope(|| self.inner.call(request))
            .in_context(context)
    }
}

//! Routes that only an inner router knows.

use std::task::{Context, Poll};

use hopline_tower::RouteCell;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::layer::matched_path;

/// Passes the route of a request to a [`TraceLayer`](crate::TraceLayer) outside.
///
/// Needed where that layer cannot see the route: inside a `nest_service`, and inside a router that is wrapped as a whole.
/// Costs one lookup in the request's extensions.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hopline_axum::{RouteLayer, TraceLayer};
///
/// let inner = Router::new().route("/{id}", get(|| async { "order" })).layer(RouteLayer::new());
/// let layer = TraceLayer::new();
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let app: Router = Router::new().nest_service("/orders", inner).layer(layer);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     let request = http::Request::get("/orders/7").body(axum::body::Body::empty()).unwrap();
/// #     tower::ServiceExt::oneshot(app, request).await.unwrap();
/// # });
/// # hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200");
/// ```
///
/// ```text
/// GET /orders/{id} ▸ orders  200
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteLayer(());

impl RouteLayer {
    /// Creates the layer.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = RouteService<S>;

    fn layer(&self, inner: S) -> RouteService<S> {
        RouteService(inner)
    }
}

/// Passes on the route of each request; made by [`RouteLayer`].
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use hopline_axum::{RouteLayer, RouteService};
/// use tower::Layer;
///
/// let service: RouteService<Router> = RouteLayer::new().layer(Router::new());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RouteService<S>(S);

impl<S, Q> Service<Request<Q>> for RouteService<S>
where
    S: Service<Request<Q>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> S::Future {
        if let Some(route) = matched_path(request.extensions()) {
            RouteCell::fill(request.extensions(), route);
        }
        self.0.call(request)
    }
}

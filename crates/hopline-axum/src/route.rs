//! Routes that are known only further inside.

use std::task::{Context, Poll};

use hopline_tower::RouteCell;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::layer::matched_path;

/// Tells a [`TraceLayer`](crate::TraceLayer) outside which route a request took.
///
/// Needed where the outer layer cannot see it: inside a `nest_service`, and inside a router that is
/// wrapped as a whole. Costs one look into the request's extensions.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hopline_axum::{RouteLayer, TraceLayer};
///
/// let inner = Router::new().route("/{id}", get(|| async { "order" })).layer(RouteLayer::new());
/// let app: Router = Router::new().nest_service("/orders", inner).layer(TraceLayer::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteLayer(());

impl RouteLayer {
    /// Makes the layer.
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

/// See [`RouteLayer`].
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

//! Routes that become known after the start of the span.

use std::sync::{Arc, OnceLock};

use http::Extensions;

/// A cell in the extensions of a request whose route was not known at the start of its span.
///
/// Code that routes the request inside fills it. The layer reads it when the head of the response is there. The first
/// value wins: the outermost router's.
///
/// # Examples
///
/// ```
/// use hopline_tower::{RouteCell, TraceLayer};
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let layer = TraceLayer::new();
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let service = layer.layer(service_fn(|request: Request<String>| async move {
///     RouteCell::fill(request.extensions(), "/orders/{id}");
///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// }));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// service.oneshot(Request::new(String::new())).await.unwrap();
/// # });
/// # hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200");
/// ```
///
/// ```text
/// GET /orders/{id} ▸ orders  200
/// ```
// `OnceLock` in an `Arc`: the router may run in another task than the layer, and each request writes once
#[derive(Clone, Debug, Default)]
pub struct RouteCell(Arc<OnceLock<Box<str>>>);

impl RouteCell {
    /// Sets the route's template for the span of the request with these extensions. No effect if it is set already, or if
    /// no layer is outside.
    pub fn fill(extensions: &Extensions, route: &str) {
        if let Some(cell) = extensions.get::<Self>() {
            cell.0.get_or_init(|| route.into());
        }
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(|route| &**route)
    }
}

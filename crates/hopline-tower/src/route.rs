//! How a route that is known late reaches the span.

use std::sync::{Arc, OnceLock};

use http::{Extensions, Uri};

/// Finds a route's template for a request: in its extensions, where a router has left it, or by the service's own
/// knowledge of its URIs.
///
/// Never give the path itself: routes are to be few, and callers make up paths without end.
pub type RouteFn = for<'a> fn(&'a Uri, &'a Extensions) -> Option<&'a str>;

/// Stands in the extensions of a request whose route was not known when its span began.
///
/// Whatever routes the request inside fills it; the layer reads it when the answer's head is there.
/// The first one to fill it wins: it is the outermost that knows.
#[derive(Clone, Debug, Default)]
pub struct RouteCell(Arc<OnceLock<Box<str>>>);

impl RouteCell {
    /// Says the route's template, for the span of the request with these extensions.
    pub fn fill(extensions: &Extensions, route: &str) {
        if let Some(cell) = extensions.get::<Self>() {
            cell.0.get_or_init(|| route.into());
        }
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(|route| &**route)
    }
}

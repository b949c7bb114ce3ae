//! The layer: that of hopline-tower, adapted to axum.

use std::any::Any;
use std::net::SocketAddr;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use hopline_core::InstrumentationScope;
use hopline_http::body::{ByteCount, CountedBody};
use hopline_tower::server::{Framework, ServerLayer};
use http::{Extensions, Uri};

/// Records each request of an axum router as a local root span, named by its route.
///
/// Its options are the methods of [`ServerLayer`]. It may be made before the tracer is installed. It may be applied
/// twice: a request is recorded once, by the outer layer.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hopline_axum::TraceLayer;
///
/// let layer = TraceLayer::public().filter(|_, uri| uri.path() != "/health");
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let app: Router = Router::new()
///     .route("/health", get(|| async {}))
///     .route("/orders/{id}", get(|| async { "order" }))
///     .layer(layer);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     use tower::ServiceExt as _;
/// #     for path in ["/health", "/orders/7"] {
/// #         let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
/// #         app.clone().oneshot(request).await.unwrap();
/// #     }
/// # });
/// // after GET /health and GET /orders/7
/// # assert_eq!(spans.all().len(), 1);
/// spans.one("GET /orders/{id}").attribute("url.path", "/orders/7");
/// ```
pub type TraceLayer = ServerLayer<Axum>;

/// Another name of [`TraceLayer`], for files that import tower-http's `TraceLayer`.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use hopline_axum::HoplineLayer;
/// use tower_http::trace::TraceLayer;
///
/// let app: Router = Router::new().layer(TraceLayer::new_for_http()).layer(HoplineLayer::new());
/// ```
pub type HoplineLayer = TraceLayer;

/// The framework of [`TraceLayer`]: axum 0.8. Takes the route from `MatchedPath`, the original URI from `OriginalUri`, and
/// the peer from `ConnectInfo<SocketAddr>`.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use hopline_axum::{Axum, TraceLayer};
/// use hopline_tower::server::{Framework, TraceService};
/// use tower::Layer;
///
/// // the type of a router inside the layer
/// let service: TraceService<Router, Axum> = TraceLayer::new().layer(Router::new());
/// assert_eq!(Axum::scope().name(), "hopline-axum");
/// ```
#[expect(clippy::exhaustive_structs, reason = "a marker without data")]
#[derive(Clone, Copy, Debug)]
pub struct Axum;

impl Framework for Axum {
    const UNROUTED_NOTICE: Option<&'static str> = Some(
        "requests have no route, so their spans are named by the method alone: hopline_axum's layer is outside the \
         router, or the router is of another version of axum than 0.8 (see `cargo tree -d`); apply it with \
         `Router::layer`, or put hopline_axum::RouteLayer inside",
    );

    fn scope() -> &'static InstrumentationScope {
        static SCOPE: InstrumentationScope =
            InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        &SCOPE
    }

    fn route<'a>(_: &'a Uri, extensions: &'a Extensions) -> Option<&'a str> {
        matched_path(extensions)
    }

    fn original_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
        extensions
            .get::<OriginalUri>()
            .map_or(uri, |original| &original.0)
    }

    fn peer(extensions: &Extensions) -> Option<SocketAddr> {
        extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0)
    }

    fn count_body<B: 'static>(body: &mut B, count: &ByteCount) {
        // around a whole router the body may be hyper's: its size is the one that the head announces
        if let Some(body) = (body as &mut dyn Any).downcast_mut::<Body>() {
            match body.is_end_stream() {
                true => count.set(0),
                false => *body = Body::new(CountedBody::new(std::mem::take(body), count)),
            }
        }
    }
}

pub(crate) fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

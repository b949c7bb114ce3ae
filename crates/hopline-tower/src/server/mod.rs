//! The server side: [`ServerLayer`], the service, future and body that it makes, and the adapter to a framework.
//!
//! Applications use it as [`hopline_tower::TraceLayer`](crate::TraceLayer) or `hopline_axum::TraceLayer`. Names in this
//! module are for signatures, and for crates that adapt the layer to another framework.
//!
//! # Examples
//!
//! A framework that leaves the route in the request's extensions:
//!
//! ```
//! use hopline_core::InstrumentationScope;
//! use hopline_tower::server::{Framework, ServerLayer};
//! use http::{Extensions, Request, Response, Uri};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! #[derive(Clone, Copy, Debug)]
//! pub struct Mini;
//!
//! #[derive(Clone)]
//! struct Matched(&'static str); // inserted by the router of the framework
//!
//! impl Framework for Mini {
//!     fn scope() -> &'static InstrumentationScope {
//!         static SCOPE: InstrumentationScope = InstrumentationScope::new("hopline-mini", "1.0.0");
//!         &SCOPE
//!     }
//!
//!     fn route<'a>(_: &'a Uri, extensions: &'a Extensions) -> Option<&'a str> {
//!         extensions.get::<Matched>().map(|matched| matched.0)
//!     }
//! }
//!
//! pub type TraceLayer = ServerLayer<Mini>;
//!
//! let layer = TraceLayer::new();
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let layer = layer.tracer(tracer);
//! let service = layer.layer(service_fn(|_: Request<String>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! }));
//! let mut request = Request::new(String::new());
//! request.extensions_mut().insert(Matched("/orders/{id}"));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! service.oneshot(request).await.unwrap();
//! # });
//! # hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200");
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! ```

mod body;
mod framework;
mod future;
mod grpc;
mod layer;
mod metrics;
mod options;
mod pooled_span;
mod request_span;
mod route_cell;
mod service;
mod settings;
mod start;
mod trace_headers;

pub use body::ResponseBody;
pub use framework::{Framework, PeerFn, RouteFn, SchemeFn, Tower, UriFn};
pub use future::ResponseFuture;
pub use layer::ServerLayer;
pub use route_cell::RouteCell;
pub use service::TraceService;

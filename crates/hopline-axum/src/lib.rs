//! Distributed tracing for axum: one root span per request, named by its route.
//!
//! # Examples
//!
//! One layer on the router:
//!
//! ```
//! use axum::{Router, extract::Path, routing::get};
//!
//! let layer = hopline_axum::TraceLayer::public(); // the callers are strangers: their trace headers are not trusted
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let layer = layer.tracer(tracer);
//! let app: Router = Router::new().route("/orders/{id}", get(|| async { "order" })).layer(layer);
//! # async fn run(app: Router) -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let url = format!("http://{}/orders/7", listener.local_addr().unwrap());
//! #     tokio::spawn(async move { axum::serve(listener, app).await });
//! #     let client = reqwest::Client::builder().no_proxy().build().unwrap();
//! #     client.get(url).send().await.unwrap();
//! #     hopline_testing::assert_tree(&spans.wait(1).await, "GET /orders/{id} ▸ orders  200");
//! # });
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! ```
//!
//! Child spans, and attributes of the request's span:
//!
//! ```
//! use axum::{Router, extract::Path, routing::get};
//! use hopline_axum::{CurrentSpan, TraceLayer};
//!
//! async fn order(Path(id): Path<u64>, span: CurrentSpan) -> String {
//!     span.set("order.id", id);
//!     hopline_core::span("db.query").end();
//!     format!("order {id}")
//! }
//!
//! let layer = TraceLayer::new(); // behind the edge: the callers are services of ours
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let layer = layer.tracer(tracer);
//! let app: Router = Router::new().route("/orders/{id}", get(order)).layer(layer);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! #     let request = http::Request::get("/orders/7").body(axum::body::Body::empty()).unwrap();
//! #     let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
//! #     axum::body::to_bytes(response.into_body(), 100).await.unwrap();
//! # });
//! # hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200\n└─ db.query");
//! # spans.one("GET /orders/{id}").attribute("order.id", 7);
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! └─ db.query
//! ```
//!
//! The error behind a failed response, in `IntoResponse` of the application's error type:
//!
//! ```
//! use axum::http::StatusCode;
//! use axum::response::{IntoResponse, Response};
//! use axum::{Router, routing::get};
//! use hopline_axum::{CausedBy, TraceLayer};
//!
//! struct AppError(std::io::Error);
//!
//! impl IntoResponse for AppError {
//!     fn into_response(self) -> Response {
//!         (StatusCode::BAD_GATEWAY, "try later").caused_by(&self.0)
//!     }
//! }
//!
//! async fn order() -> Result<(), AppError> {
//!     Err(AppError(std::io::Error::other("no route to host")))
//! }
//!
//! let layer = TraceLayer::new();
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let layer = layer.tracer(tracer);
//! let app: Router = Router::new().route("/order", get(order)).layer(layer);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! #     let request = http::Request::get("/order").body(axum::body::Body::empty()).unwrap();
//! #     let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
//! #     axum::body::to_bytes(response.into_body(), 100).await.unwrap();
//! # });
//! # hopline_testing::assert_tree(&spans.all(), "GET /order ▸ orders  502  ✗ std::io::error::Error");
//! ```
//!
//! ```text
//! GET /order ▸ orders  502  ✗ std::io::error::Error
//! ```
//!
//! Elsewhere, [`Context::record_error`](hopline_core::Context::record_error) records an error on the current span.
//!
//! [`TraceLayer::public`] is for the edge that strangers reach, [`TraceLayer::new`] for services behind it: see
//! [trust](hopline_tower#trust).
//!
//! # Names
//!
//! Attributes and outcomes are those of [`hopline_tower`]; its front page lists them. This crate adds the route:
//!
//! | position of the layer | name of the span |
//! |---|---|
//! | `Router::layer`; routes, `nest` and `merge` inside, also for a method that does not fit (405) | `GET /api/orders/{id}` |
//! | `Router::layer`; the route is in a `nest_service` | `GET`, or `GET /api/orders/{id}` with a [`RouteLayer`], an extractor or a `TraceLayer` inside |
//! | outside the router | as for `nest_service` |
//! | on the router inside a nest | `GET /api/orders/{id}`; path, filter and plan use the original path |
//! | no route fits, or a fallback responds | `GET` |
//!
//! The name is never the path: callers could create any number of names.
//!
//! `client.address` and `network.peer.*` are recorded if the router is served by
//! [`into_make_service_with_connect_info::<SocketAddr>()`](axum::Router::into_make_service_with_connect_info), or of
//! another type with [`TraceLayer::peer`](hopline_tower::server::ServerLayer::peer).
//!
//! # Metrics
//!
//! With a [meter](hopline_core::TracerBuilder::meter), each request is measured; see [hopline-tower](https://docs.rs/hopline-tower)
//! for the instruments and their attributes.
//!
//! # Options
//!
//! The methods of [`ServerLayer`](hopline_tower::server::ServerLayer) are those of [`TraceLayer`]. Handlers use
//! [`CurrentSpan`] to add to the request's span, and [`TraceContext`] to pass the context to a task, or to a connection
//! that outlives its request:
//!
//! ```
//! use axum::extract::ws::{WebSocket, WebSocketUpgrade};
//! use axum::response::Response;
//! use hopline_axum::TraceContext;
//! use hopline_core::{FutureExt, Incoming, SpanBuilder};
//!
//! async fn chat(TraceContext(request): TraceContext, upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async move |socket| {
//!         let connection = SpanBuilder::new("chat.connection")
//!             .links(request.span_context().as_slice())
//!             .parent(Incoming::default()).start();
//!         talk(socket).in_span(connection).await
//!     })
//! }
//! # async fn talk(_: WebSocket) {}
//! # fn is<T>(_: impl axum::handler::Handler<T, ()>) {} is(chat);
//! ```
//!
//! # Beside tower-http
//!
//! tower-http has a `TraceLayer` too, and two imports of one name do not compile (E0252). Write the path,
//! `.layer(hopline_axum::TraceLayer::new())`, or import [`HoplineLayer`], which is the same type. Both layers may be
//! applied. Apply hopline's with the later call of `Router::layer`, so that it is outside and covers the whole request.
//!
//! # Troubleshooting
//!
//! | symptom | cause | remedy |
//! |---|---|---|
//! | E0252: `TraceLayer` is defined multiple times | tower-http's is imported too | [`HoplineLayer`], or the path |
//! | E0277: `TraceService<…>` is no `Service<Request<…>>` | axum 0.6 or older, with http 0.2 | axum 0.8 |
//! | E0277: a handler with [`CurrentSpan`] or [`TraceContext`] is no `Handler` | the router is of another version of axum | one version: `cargo tree -d -i axum` |
//! | spans are named `GET`, and a notice reports requests without a route | the layer is outside the router, or the router is of another version of axum | `Router::layer`, a [`RouteLayer`] inside, or one version of axum |
//! | no `client.address` | the server does not keep addresses | `into_make_service_with_connect_info`, [`peer`](hopline_tower::server::ServerLayer::peer) |
//! | a child of the request is in a trace of its own | it runs in a task that was spawned without the context | [`TraceContext`], or `in_current_context` |
//!
//! # Limits
//!
//! Those of [`hopline_tower`]. A span ends with the response or the upgrade, so the traffic of a WebSocket is not part of
//! the request.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod caused_by;
mod extract;
mod layer;
mod route;

pub use caused_by::CausedBy;
pub use extract::{CurrentSpan, TraceContext};
#[doc(no_inline)]
pub use hopline_core::Trust;
#[doc(no_inline)]
pub use hopline_http::Redaction;
pub use layer::{Axum, HoplineLayer, TraceLayer};
pub use route::{RouteLayer, RouteService};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

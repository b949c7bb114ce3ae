//! Distributed tracing for axum: one root span per request, named by its route.
//!
//! ```
//! use axum::{Router, extract::Path, routing::get};
//! use hopline_axum::CurrentSpan;
//!
//! async fn order(Path(id): Path<u64>, span: CurrentSpan) -> String {
//!     span.set("order.id", id); // an attribute of the request's span
//!     hopline_core::span("db.query").end(); // whatever is done inside is a child of it
//!     format!("order {id}")
//! }
//!
//! let layer = hopline_axum::TraceLayer::public(); // strangers call: their trace headers are not trusted
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//! # let layer = layer.tracer(tracer);
//! let app: Router = Router::new().route("/orders/{id}", get(order)).layer(layer);
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
//! #     hopline_testing::assert_tree(&spans.wait(2).await, "GET /orders/{id} ▸ orders  200\n└─ db.query");
//! #     spans.one("GET /orders/{id}").attribute("order.id", 7);
//! # });
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! └─ db.query
//! ```
//!
//! Behind the edge, where only your own services call, `TraceLayer::new()` continues their traces. At the edge it would
//! let anybody decide what is recorded and join any trace: see [trust](hopline_tower#trust).
//!
//! What is recorded, and how each outcome shows, is said by [`hopline_tower`]: its tables of attributes and outcomes
//! hold here. What axum adds is the route:
//!
//! | the layer is applied | the span's name |
//! |---|---|
//! | with `Router::layer`, routes, `nest` and `merge` inside, also where the method does not fit (405) | `GET /api/orders/{id}` |
//! | with `Router::layer`, the route in a `nest_service` | `GET`, or `GET /api/orders/{id}` with a [`RouteLayer`], an extractor or a `TraceLayer` inside |
//! | outside the router | as before |
//! | inside a nest, on its router | `GET /api/orders/{id}`; path, filter and plan see the request's own path |
//! | to a request that no route fits, and to fallbacks | `GET` |
//!
//! It is never the path, which callers could make up without end. And it adds the client: `client.address` and
//! `network.peer.*` are there where the router is served by
//! [`into_make_service_with_connect_info::<SocketAddr>()`](axum::Router::into_make_service_with_connect_info), or of
//! another type with [`TraceLayer::peer`].
//!
//! # How to change it
//!
//! [`TraceLayer`] has the methods of [`hopline_tower::TraceLayer`]. Handlers use [`CurrentSpan`] to add to the request's span and [`TraceContext`] to hand the
//! context on: to a task, or to a connection that outlives its request:
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
//! In `IntoResponse` of an application's error type, one line puts the error on the request's span, if the answer is a
//! failure of the service:
//!
//! ```
//! # use axum::{http::StatusCode, response::{IntoResponse, Response}};
//! use hopline_axum::CausedBy;
//! # struct AppError(std::io::Error);
//! # impl IntoResponse for AppError {
//! #     fn into_response(self) -> Response {
//!
//! (StatusCode::BAD_GATEWAY, "try later").caused_by(&self.0)
//! #     }
//! # }
//! # assert_eq!(AppError(std::io::Error::other("x")).into_response().status(), 502);
//! ```
//!
//! For any span and status there is [`Context::record_error`](hopline_core::Context::record_error):
//! `Context::current().record_error(&error)`.
//!
//! # Beside tower-http
//!
//! tower-http has a `TraceLayer` too, and two imports of one name do not compile (E0252). Write the path,
//! `.layer(hopline_axum::TraceLayer::new())`, or import [`HoplineLayer`], which is the same type. Both layers may be
//! applied: hopline's outside, with the later call of `Router::layer`, so that it sees the whole request.
//!
//! # When something is missing
//!
//! | what you see | cause | remedy |
//! |---|---|---|
//! | E0252: `TraceLayer` is defined multiple times | tower-http's is imported as well | [`HoplineLayer`], or the path |
//! | E0277: `Trace<…>` is no `Service<Request<…>>` | axum 0.6 or older, with http 0.2 | axum 0.8 |
//! | E0277: a handler with [`CurrentSpan`] or [`TraceContext`] is no `Handler` | the router is of another version of axum | one version: `cargo tree -d -i axum` |
//! | spans are named `GET`, and a notice reports requests without a route | the layer is outside the router, or the router is of another version of axum | `Router::layer`, a [`RouteLayer`] inside, or one version of axum |
//! | no `client.address` | the server does not keep addresses | `into_make_service_with_connect_info`, [`TraceLayer::peer`] |
//! | the child of a request is in a trace of its own | it runs in a task that was spawned without the context | [`TraceContext`], or `in_current_context` |
//!
//! # What it will not do
//!
//! See [`hopline_tower`]; spans end with the answer or the upgrade, so the work of a WebSocket is not the request's.

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
pub use layer::{HoplineLayer, TraceLayer};
pub use route::{RouteLayer, RouteService};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

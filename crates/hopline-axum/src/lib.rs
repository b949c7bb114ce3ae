//! Distributed tracing for axum: one root span per request, named by its route.
//!
//! ```no_run
//! use axum::{Router, extract::Path, routing::get};
//! use hopline_axum::{CurrentSpan, TraceLayer};
//!
//! async fn order(Path(id): Path<u64>, span: CurrentSpan) -> String {
//!     span.set("order.id", id); // an attribute of the request's span
//!     format!("order {id}")
//! }
//!
//! # async fn run() -> std::io::Result<()> {
//! let app: Router = Router::new().route("/orders/{id}", get(order)).layer(TraceLayer::new());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200      4.1 ms  ████████████████████████
//! ```
//!
//! What is recorded, and how each outcome shows, is said by [`hopline_tower`]. What axum adds is the route:
//!
//! | the layer is applied | the span's name |
//! |---|---|
//! | with `Router::layer`, routes and `nest` inside | `GET /api/orders/{id}` |
//! | with `Router::layer`, the route in a `nest_service` | `GET`, or `GET /api/orders/{id}` with a [`RouteLayer`] inside |
//! | outside the router | as before |
//! | to a request that no route fits | `GET` |
//!
//! It is never the path, which callers could make up without end.
//!
//! # How to change it
//!
//! [`TraceLayer`] has the methods of [`hopline_tower::TraceLayer`]; at the public edge begin with
//! [`TraceLayer::public`]. Handlers use [`CurrentSpan`] to add to
//! the request's span and [`TraceContext`] to hand the context on.
//!
//! # What it will not do
//!
//! See [`hopline_tower`]; spans end with the answer, so the work of a WebSocket is not the request's.

mod extract;
mod layer;
mod route;

pub use extract::{CurrentSpan, TraceContext};
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_tower::Trust;
pub use layer::TraceLayer;
pub use route::{RouteLayer, RouteService};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

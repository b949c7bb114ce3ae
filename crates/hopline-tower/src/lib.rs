//! Server layer of hopline for any tower HTTP service: one root span per request.
//!
//! ```
//! use hopline_tower::TraceLayer;
//! use tower::{ServiceBuilder, service_fn};
//! # use std::convert::Infallible;
//!
//! async fn handle(_: http::Request<String>) -> Result<http::Response<String>, Infallible> {
//!     Ok(http::Response::new("hello".to_owned()))
//! }
//!
//! let service = ServiceBuilder::new().layer(TraceLayer::new()).service(service_fn(handle));
//! # fn is<S: tower::Service<http::Request<String>>>(_: S) {} is(service);
//! ```
//!
//! ```text
//! GET ▸ orders  200
//! ```
//!
//! # What is recorded
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and as it was sent, if it is not a known one |
//! | `http.route` | the route's template, if a [route function](TraceLayer::route) or something inside knows it |
//! | `url.path`, `url.query`, `url.scheme` | of the request; secret query values are `REDACTED` |
//! | `server.address`, `server.port` | of the authority or the `Host` header |
//! | `user_agent.original` | the header, if there is one |
//! | `network.protocol.version` | `1.1`, `2` |
//! | `http.response.status_code` | an integer |
//! | `error.type` | the status code if 5xx; `service_error`, `body_error`, `panic`, `cancelled` |
//!
//! The name is `{method} {route}`, or `{method}` where no route is known; never the path.
//!
//! # Outcomes
//!
//! The span ends once, when the last byte of the answer was taken or it is certain that it will not be:
//!
//! | what happens | status | `error.type` |
//! |---|---|---|
//! | answer below 500 taken whole | unset | |
//! | answer of 500 and more | ERROR | the code |
//! | the service fails instead of answering | ERROR | `service_error` |
//! | the body fails half way | ERROR | `body_error` |
//! | the handler panics | ERROR | `panic` |
//! | the request is dropped before its end: the client is gone, a time-out outside | unset | `cancelled` |
//!
//! # How to change it
//!
//! [`TraceLayer`]'s methods: a tracer of its own, what [callers' contexts count for](TraceLayer::trust),
//! requests that are [not recorded](TraceLayer::filter), telling the caller that a failed trace is
//! [kept here](TraceLayer::announce_kept). The handler adds to the span through
//! [`Context::current`](hopline_core::Context::current), which is current in the service, its future and the answer's body.
//!
//! # Trust
//!
//! [`TraceLayer::new`] trusts its callers: a stranger who may call the service can join any trace and, by the
//! sampled flag, decide what is recorded. At the edge use [`TraceLayer::public`], or a plan with a
//! [budget](hopline_core::SamplingPlan::budget), which bounds what forged flags can cost.
//!
//! # What it will not do
//!
//! It records no headers and no bodies, does not believe `Forwarded` headers, and makes no metrics.

mod body;
mod client;
mod future;
mod layer;
mod options;
mod peer;
mod root;
mod route;
mod service;
mod start;
mod trust;

pub use body::ResponseBody;
pub use client::{CallFuture, ClientLayer, TraceClient};
pub use future::ResponseFuture;
#[doc(no_inline)]
pub use hopline_http::{Redaction, ResendCount, Untraced, UrlTemplate};
pub use layer::TraceLayer;
pub use peer::PeerFn;
pub use route::{RouteCell, RouteFn};
pub use service::Trace;
pub use trust::Trust;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Distributed tracing for reqwest: one client span per call, trace headers on every request.
//!
//! ```no_run
//! use hopline_reqwest::ClientExt;
//!
//! # async fn run() -> Result<(), reqwest_middleware::Error> {
//! let client = reqwest::Client::new().traced();
//! let stock = client.get("http://inventory:4002/stock/7").send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200             12 ms  ████████████████████████
//! └─ GET  200                               8.3 ms     ██████████████████
//!    └─ GET /stock/{id} ▸ inventory  200    6.0 ms       ██████████████
//! ```
//!
//! # What is recorded
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and as it is sent, if it is not a known one |
//! | `url.full` | without user, password and secret query values |
//! | `url.template` | a [`UrlTemplate`], if the request has one |
//! | `server.address`, `server.port` | of the URL |
//! | `http.request.resend_count` | from the second attempt on, where retries are made outside this middleware |
//! | `http.response.status_code` | an integer |
//! | `network.protocol.version` | `1.1`, `2` |
//! | `error.type` | the status code from 400 on; `timeout`, `connect`, `redirect`, `body`, `decode`, `request`, `upgrade`, `builder`, `middleware` |
//!
//! The name is `{method}`, or `{method} {template}`. A call that is dropped ends its span without an error.
//! The span ends with the answer's head.
//!
//! # What is sent
//!
//! `traceparent` and `tracestate` go to every host. Baggage goes to hosts that are
//! [surely one's own](hopline_http::is_internal_host) and to those [named](TraceMiddleware::baggage_to).
//!
//! # How to change it
//!
//! [`TraceMiddleware`] by itself goes into any `reqwest_middleware::ClientBuilder`: inside a retry
//! middleware there is a span for each attempt, outside one for the call as a whole.
//!
//! The client that `.traced()` gives is reqwest-middleware's: its builders have `.json(…)`, `.query(…)`,
//! `.form(…)` and `.multipart(…)` where the application turns on the features of those names of
//! `reqwest-middleware`.
//!
//! # What it will not do
//!
//! Redirects are followed by reqwest below the middleware: they are part of one span, and the headers of the
//! first request go along, to another host as well. Turn redirects off where that matters.

mod body;
mod builder;
mod class;
mod client;
mod middleware;
mod redirect;

pub use builder::{Builder, builder};
pub use client::ClientExt;
#[doc(no_inline)]
pub use hopline_http::{Redaction, Untraced, UrlTemplate};
pub use middleware::TraceMiddleware;
pub use redirect::RedirectError;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

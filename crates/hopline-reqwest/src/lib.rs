//! Distributed tracing for reqwest: one client span per call, trace headers on every request.
//!
//! ```
//! use hopline_reqwest::ClientExt;
//!
//! # async fn run(stock: String) -> Result<(), reqwest_middleware::Error> {
//! let client = reqwest::Client::new().traced();
//! # let client = reqwest::Client::builder().no_proxy().build().unwrap().traced();
//! # let url = stock;
//! # #[cfg(any())]
//! let url = "http://inventory:4002/stock/7";
//! let stock = client.get(url).send().await?;
//! # Ok(())
//! # }
//! # use hopline_core::{FutureExt, Incoming, SpanBuilder, no_attrs};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let url = format!("http://{}/stock/7", listener.local_addr().unwrap());
//! #     let inventory = axum::Router::new().route("/stock/{id}", axum::routing::get(|| async { "3" }));
//! #     tokio::spawn(async move { axum::serve(listener, inventory).await });
//! #     let (tracer, spans) = hopline_testing::tracer("orders");
//! #     let request = SpanBuilder::new("GET /orders/{id}").start_root(Some(&tracer), Incoming::default(), no_attrs);
//! #     run(url).in_span(request).await.unwrap();
//! #     hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders\n└─ GET  200");
//! # });
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! └─ GET  200
//! ```
//!
//! # What is recorded
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and as it is sent, if it is not a known one |
//! | `url.full` | without user, password and what else is [redacted](Redaction) |
//! | `url.template` | a [`UrlTemplate`], if the request has one |
//! | `server.address`, `server.port` | of the URL |
//! | `http.request.resend_count` | from the second time on: retries outside this middleware, and redirects that [it sees](builder) |
//! | `http.response.status_code` | an integer |
//! | `network.protocol.version` | `1.1`, `2`, as it was agreed on |
//! | `network.peer.address`, `network.peer.port` | the connection's other end: the server, or a proxy |
//! | `http.request.header.*`, `http.response.header.*` | arrays of text, of headers that are [asked for](TraceMiddleware::request_headers), also by variables |
//! | `error.type` | the status code from 400 on; or one of `timeout`, `connection_refused`, `connection_reset`, `connect`, `redirect`, `body`, `decode`, `upgrade`, `builder`, `request`, `middleware` |
//!
//! The name is `{method}`, or `{method} {template}`; never the path. A call that is dropped ends its span without an
//! error. The span ends with the answer's head, or [with its body](TraceMiddleware::until_body_end). The rules are
//! those of the [semantic conventions] for HTTP spans, v1.44.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
//!
//! # What is sent
//!
//! `traceparent` and `tracestate` go to every host but those that [are not to have
//! them](TraceMiddleware::no_headers_to). Baggage goes to hosts that are
//! [surely one's own](hopline_http::is_internal_host) and to those [named](TraceMiddleware::baggage_to). What a header
//! cannot hold is left out; nothing panics.
//!
//! # Retries and redirects
//!
//! | where | spans |
//! |---|---|
//! | inside a retry middleware: `ClientBuilder::new(…).with(retry).with(TraceMiddleware::new())` | one for each attempt, counted |
//! | outside it: `.with(TraceMiddleware::new()).with(retry)` | one for the call as a whole |
//! | [`builder()`](builder) | one for each hop of a redirect, and its headers decided anew for each host |
//! | [`.traced()`](ClientExt::traced), or any client given | one for all hops: reqwest follows below the middleware, and takes the headers of the first request along, to other hosts as well |
//!
//! # How to change it
//!
//! [`TraceMiddleware`] by itself goes into any `reqwest_middleware::ClientBuilder`, beside others. In a request's
//! extensions, [`UrlTemplate`] names it and [`Untraced`] takes it out.
//!
//! The client that `.traced()` gives is reqwest-middleware's: its builders have `.json(…)`, `.query(…)`,
//! `.form(…)` and `.multipart(…)` where the application turns on the features of those names of
//! `reqwest-middleware`.
//!
//! The operator adds headers to be recorded by `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST` and
//! `…_CLIENT_RESPONSE`, lists of names separated by commas. Credentials stay redacted.
//!
//! # A plain client
//!
//! Some libraries take a [`reqwest::Client`] and nothing else. reqwest has no place in it for what differs from call
//! to call: default headers are the same for all calls, and a connector sees connections, which calls share. So
//! nothing can be done inside such a client. What can be done is outside: a span around the work, and its headers, where
//! the library takes headers for a call.
//!
//! ```
//! use hopline_core::{FutureExt, Kind, SpanBuilder, no_attrs};
//! use hopline_reqwest::TraceMiddleware;
//!
//! # async fn run(client: reqwest::Client) -> reqwest::Result<()> {
//! let url: reqwest::Url = "http://search:9200/orders/_search".parse().unwrap();
//! let span = SpanBuilder::new("search").kind(Kind::Client).start(None, no_attrs);
//! let work = async {
//!     let headers = TraceMiddleware::new().headers(&url);
//!     client.get(url).headers(headers).send().await
//! };
//! work.in_span(span).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it will not do
//!
//! It records no header that was not asked for, no credentials and no bodies, and makes no metrics. Connections,
//! look-ups of names and handshakes are part of the call's span.

mod body;
mod builder;
mod class;
mod client;
mod middleware;
mod redirect;

pub use builder::{Builder, builder};
pub use client::ClientExt;
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_http::client::{Untraced, UrlTemplate};
pub use middleware::TraceMiddleware;
pub use redirect::RedirectError;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

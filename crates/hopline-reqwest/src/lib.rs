//! Distributed tracing for reqwest: one client span per call, trace headers on every request.
//!
//! # Examples
//!
//! A client whose calls are children of the current span:
//!
//! ```
//! use hopline_reqwest::ClientBuilder;
//!
//! # async fn run(stock: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientBuilder::new().build()?;
//! # let client = ClientBuilder::new().configure(|client| client.no_proxy()).build()?;
//! # let url = stock;
//! # #[cfg(any())]
//! let url = "http://inventory:4002/stock/7";
//! let stock = client.get(url).send().await?;
//! # Ok(())
//! # }
//! # use hopline_core::{FutureExt, Incoming, SpanBuilder};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let url = format!("http://{}/stock/7", listener.local_addr().unwrap());
//! #     let inventory = axum::Router::new().route("/stock/{id}", axum::routing::get(|| async { "3" }));
//! #     tokio::spawn(async move { axum::serve(listener, inventory).await });
//! #     let (tracer, spans) = hopline_testing::tracer("orders");
//! #     let request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
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
//! A template in the name, and a call that is not recorded:
//!
//! ```
//! use hopline_reqwest::{ClientBuilder, Untraced, UrlTemplate};
//!
//! # async fn run(host: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientBuilder::new().build()?;
//! # let client = ClientBuilder::new().configure(|client| client.no_proxy()).build()?;
//! client.get(format!("{host}/stock/7")).with_extension(UrlTemplate("/stock/{id}")).send().await?;
//! client.get(format!("{host}/health")).with_extension(Untraced).send().await?;
//! # Ok(())
//! # }
//! # use hopline_core::{FutureExt, Incoming, SpanBuilder};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let url = format!("http://{}", listener.local_addr().unwrap());
//! #     let inventory = axum::Router::new().fallback(|| async { "3" });
//! #     tokio::spawn(async move { axum::serve(listener, inventory).await });
//! #     let (tracer, spans) = hopline_testing::tracer("orders");
//! #     let request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
//! #     run(url).in_span(request).await.unwrap();
//! #     hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders\n└─ GET /stock/{id}  200");
//! # });
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! └─ GET /stock/{id}  200
//! ```
//!
//! Redirects with one span per hop; the partner gets no trace headers:
//!
//! ```
//! use hopline_reqwest::ClientBuilder;
//!
//! # async fn run(url: String) -> Result<(), Box<dyn std::error::Error>> {
//! # let partner = "127.0.0.1";
//! # #[cfg(any())]
//! let partner = "*.partner.example";
//! let client = ClientBuilder::new().no_headers_to([partner]).build()?;
//! # let client = ClientBuilder::new().configure(|client| client.no_proxy()).no_headers_to([partner]).build()?;
//! client.get(url).send().await?; // 303 to the partner
//! # Ok(())
//! # }
//! # use axum::{http::HeaderMap, response::Redirect};
//! # use hopline_core::{FutureExt, Incoming, SpanBuilder};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let port = listener.local_addr().unwrap().port();
//! #     let url = format!("http://localhost:{port}/order");
//! #     let to = format!("http://127.0.0.1:{port}/stock");
//! #     let order = |headers: HeaderMap| async move { headers.contains_key("traceparent").then(|| Redirect::to(&to)).unwrap() };
//! #     let stock = |headers: HeaderMap| async move { assert!(!headers.contains_key("traceparent")) };
//! #     let app = axum::Router::new().route("/order", axum::routing::get(order)).route("/stock", axum::routing::get(stock));
//! #     tokio::spawn(async move { axum::serve(listener, app).await });
//! #     let (tracer, spans) = hopline_testing::tracer("orders");
//! #     let request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
//! #     run(url).in_span(request).await.unwrap();
//! #     hopline_testing::assert_tree(&spans.all(), "GET /orders/{id} ▸ orders\n├─ GET  303\n└─ GET  200");
//! # });
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! ├─ GET  303
//! └─ GET  200
//! ```
//!
//! # Attributes
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and the method as it is sent, if it is not a known one |
//! | `url.full` | [redacted](Redaction): without user, password and other secrets |
//! | `url.template` | the [`UrlTemplate`] of the request |
//! | `server.address`, `server.port` | of the URL |
//! | `http.request.resend_count` | for the second and later attempts: retries outside this middleware, and hops of [`ClientBuilder`] |
//! | `http.response.status_code` | an integer |
//! | `network.protocol.version` | `1.1`, `2`, as negotiated |
//! | `network.peer.address`, `network.peer.port` | the connection's peer: the server, or a proxy |
//! | `http.request.header.*`, `http.response.header.*` | arrays of text, for [listed headers](TraceMiddleware::request_headers) |
//! | `error.type` | the status code from 400 on; or `timeout`, `connection_refused`, `connection_reset`, `connect`, `redirect`, `body`, `decode`, `upgrade`, `builder`, `request`, `middleware` |
//!
//! The name is `{method}`, or `{method} {template}`; never the path. The span ends with the head of the response, or [with
//! its body](TraceMiddleware::until_body_end). Dropping a call ends its span without an error. The rules are those of the
//! [semantic conventions] for HTTP spans, v1.44.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
//!
//! # Metrics
//!
//! Reported when a span ends, recorded or not, if the tracer has a [meter](hopline_core::TracerBuilder::meter).
//!
//! | instrument | attributes |
//! |---|---|
//! | `http.client.request.duration` | `http.request.method`, `server.address`, `server.port`, `http.response.status_code`, `error.type`, `network.protocol.version` |
//! | `http.client.active_requests`, with [`active_requests`](TraceMiddleware::active_requests) | `http.request.method`, `server.address`, `server.port` |
//! | `http.client.request.body.size`, `http.client.response.body.size`, with [`body_sizes`](TraceMiddleware::body_sizes) | as the duration |
//!
//! # Headers
//!
//! | headers | client of [`ClientBuilder`] | [`.traced()`](ClientExt::traced), or [`TraceMiddleware`] around any client |
//! |---|---|---|
//! | `traceparent`, `tracestate` | to every host except [`no_headers_to`](ClientBuilder::no_headers_to) | to every host |
//! | `baggage` | to [internal hosts](hopline_http::Host::is_internal) and [`baggage_to`](ClientBuilder::baggage_to) | never |
//!
//! A plain client follows redirects itself, inside the middleware, and sends the headers of the first request to each host
//! on the way. So only clients of [`ClientBuilder`], which make each hop a call, send baggage and have lists of hosts.
//!
//! A `traceparent` and `tracestate` that the application set are replaced by those of the call's span, if there is one. A
//! `baggage` that the application set is sent unchanged, to any host. If the context's baggage is sent too, its members
//! with other keys are appended. Values that are not valid in a header are left out; nothing panics.
//!
//! # Retries and redirects
//!
//! | position | spans |
//! |---|---|
//! | inside a retry middleware: `ClientBuilder::new().with(retry)`, or `.with(retry).with(TraceMiddleware::new())` around a plain client | one per attempt, counted |
//! | outside it: `.with(TraceMiddleware::new()).with(retry)` | one for the whole call |
//! | [`ClientBuilder`] | one per hop of a redirect, with headers decided for each host |
//! | [`.traced()`](ClientExt::traced), or any given client | one for all hops |
//!
//! Clients of [`ClientBuilder`] follow redirects with the outcomes of a plain client: methods, bodies, headers, errors and
//! URLs of errors. Credentials stay within their origin (scheme, host and port), from the request, default headers, a
//! middleware or a cookie store. There is one difference: after a hop to another origin, a plain client of reqwest 0.13
//! sends the credentials of the first request again within that origin. Policies are those of [`redirect`].
//!
//! # Options
//!
//! [`TraceMiddleware`] has the options of spans; [`ClientBuilder`] those of headers and redirects. In a request's extensions,
//! [`UrlTemplate`] names the span, [`Untraced`] excludes the request, and [`CallerContext`] is the parent of a call that
//! another task makes, such as one behind tower's `buffer`.
//!
//! The client is that of reqwest-middleware, which is re-exported. Its requests have `.json(…)`, `.query(…)`, `.form(…)`
//! and `.multipart(…)` with the features `json`, `query`, `form` and `multipart` of this crate.
//!
//! `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST` and `…_CLIENT_RESPONSE` add headers to record, as lists of
//! names separated by commas. Credentials stay redacted.
//!
//! # Plain clients
//!
//! Some libraries take a [`reqwest::Client`]. It has no place for data of a single call: default headers are the same for
//! all calls, and connectors see connections, which calls share. So its calls cannot be recorded one by one. Start a span
//! around the work, and pass its headers if the library takes headers for a call.
//!
//! ```
//! use hopline_core::{FutureExt, SpanBuilder, SpanKind};
//! use hopline_reqwest::TraceMiddleware;
//!
//! # async fn run(client: reqwest::Client) -> reqwest::Result<()> {
//! let url = "http://search:9200/orders/_search";
//! let span = SpanBuilder::new("search").kind(SpanKind::Client).start();
//! let work = async {
//!     let headers = TraceMiddleware::new().headers();
//!     client.get(url).headers(headers).send().await
//! };
//! work.in_span(span).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Troubleshooting
//!
//! | compiler error | cause and remedy |
//! |---|---|
//! | "`Client` has no `.traced()`: it is no type, or of no version, that hopline wraps", or "`Client` doesn't implement `ClientOfReqwest013`" | the client is of another version than reqwest 0.13. `cargo tree -d` lists crates that are in the tree in two versions; use that of this crate |
//! | "no method named `traced`" | the trait is not in scope: `use hopline_reqwest::ClientExt;` |
//! | "no method named `json`" (`query`, `form`, `multipart`) on a `RequestBuilder` | enable the feature of that name of this crate |
//! | "`?` couldn't convert the error to `reqwest::Error`" | return this crate's [`Error`], which has the same methods |
//! | "no method named `no_headers_to`" (`baggage_to`) on a `TraceMiddleware` | the lists would not hold for redirects inside a plain client: they are methods of [`ClientBuilder`] |
//! | "expected `Policy`, found `reqwest::redirect::Policy`" | import the policy from [`redirect`]; it has the same functions |
//!
//! # Limits
//!
//! No bodies, no credentials, and no headers that are not listed are recorded. Name lookups, connects and TLS
//! handshakes are part of the call's span.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod build_error;
mod class;
mod client_builder;
mod client_ext;
mod follow;
mod hop;
mod middleware;
pub mod redirect;
mod settings;

pub use build_error::BuildError;
pub use client_builder::ClientBuilder;
pub use client_ext::{ClientExt, ClientOfReqwest013};
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_http::client::{CallerContext, Untraced, UrlTemplate};
pub use middleware::TraceMiddleware;
#[doc(no_inline)]
pub use reqwest_middleware::{self, ClientWithMiddleware, Error, RequestBuilder};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

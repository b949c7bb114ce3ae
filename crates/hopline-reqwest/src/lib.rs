//! Distributed tracing for reqwest: one client span per call, trace headers on every request.
//!
//! ```
//! # async fn run(stock: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = hopline_reqwest::builder().build()?;
//! # let client = hopline_reqwest::builder().configure(|client| client.no_proxy()).build()?;
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
//! | headers | by a client of [`builder()`](builder) | by [`.traced()`](ClientExt::traced), or [`TraceMiddleware`] around any client |
//! |---|---|---|
//! | `traceparent`, `tracestate` | to every host but those of [`no_headers_to`](Builder::no_headers_to) | to every host |
//! | `baggage` | to [internal hosts](hopline_http::is_internal_host) and those of [`baggage_to`](Builder::baggage_to) | never |
//!
//! A plain client follows redirects by itself, below the middleware, and takes the headers of the first request to
//! every host on the way. So only a client of `builder()`, which shows each hop, sends baggage and has lists of hosts.
//!
//! A `traceparent` and `tracestate` that the application set on the request are replaced by those of the call's span,
//! unless there is no span to name. A `baggage` that it set is sent as it is, to any host; where the context's baggage
//! is sent too, that follows after a comma, without the keys that the application's has. What a header cannot hold is
//! left out; nothing panics.
//!
//! # Retries and redirects
//!
//! | where | spans |
//! |---|---|
//! | inside a retry middleware: `ClientBuilder::new(…).with(retry).with(TraceMiddleware::new())`, `builder().with(retry)` | one for each attempt, counted |
//! | outside it: `.with(TraceMiddleware::new()).with(retry)` | one for the call as a whole |
//! | [`builder()`](builder) | one for each hop of a redirect, and its headers decided anew for each host |
//! | [`.traced()`](ClientExt::traced), or any client given | one for all hops |
//!
//! A client of `builder()` follows redirects with the outcomes of a plain client: the same methods, bodies, headers,
//! errors and URLs of errors. Credentials stay within their origin (scheme, host and port), whether they come from the
//! request, from default headers, from a middleware or from a cookie store. This is the one difference: a plain client
//! of reqwest 0.13 removes them on the hop to another origin, and sends those of the first request again on the next
//! hop within that origin. Policies are those of [`redirect`].
//!
//! # How to change it
//!
//! [`TraceMiddleware`] by itself goes into any `reqwest_middleware::ClientBuilder`, beside others. In a request's
//! extensions, [`UrlTemplate`] names it and [`Untraced`] takes it out. A call that another task makes, such as one behind
//! tower's `buffer`, is the child of a [`CallerContext`] in its extensions.
//!
//! The client is reqwest-middleware's, which is exported here. Its builders have `.json(…)`, `.query(…)`, `.form(…)`
//! and `.multipart(…)` with the features `json`, `query`, `form` and `multipart` of this crate, each of which turns on
//! the feature of the same name of reqwest and of reqwest-middleware.
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
//! let url = "http://search:9200/orders/_search";
//! let span = SpanBuilder::new("search").kind(Kind::Client).start();
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
//! | what the compiler prints | cause and remedy |
//! |---|---|
//! | "`Client` has no `.traced()`: it is no type, or of no version, that hopline wraps", or "`Client` doesn't implement `ClientOfReqwest013`" | the client is of another version than reqwest 0.13. `cargo tree -d` lists crates that are in the tree in two versions; ask for the same one as this crate |
//! | "no method named `traced`" | the trait is not in scope: `use hopline_reqwest::ClientExt;` |
//! | "no method named `json`" (`query`, `form`, `multipart`) on a `RequestBuilder` | turn on the feature of that name of this crate |
//! | "`?` couldn't convert the error to `reqwest::Error`" | return this crate's [`Error`], which has the same questions |
//! | "no method named `no_headers_to`" (`baggage_to`) on a `TraceMiddleware` | a plain client follows redirects unseen, so the lists would not hold: they are methods of [`builder()`](builder) |
//! | "expected `Policy`, found `reqwest::redirect::Policy`" | import the policy from [`redirect`]; it has the same functions |
//!
//! # What it will not do
//!
//! It records no header that was not asked for, no credentials and no bodies, and makes no metrics. Connections,
//! look-ups of names and handshakes are part of the call's span.

mod body;
mod build_error;
mod builder;
mod class;
mod client;
mod follow;
mod hop;
mod middleware;
pub mod redirect;
mod settings;

pub use build_error::BuildError;
pub use builder::{Builder, builder};
pub use client::{ClientExt, ClientOfReqwest013};
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_http::client::{CallerContext, Untraced, UrlTemplate};
pub use middleware::TraceMiddleware;
#[doc(no_inline)]
pub use reqwest_middleware::{self, ClientWithMiddleware, Error, Middleware, Next, RequestBuilder};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

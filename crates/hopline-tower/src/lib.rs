//! Distributed tracing for tower services of HTTP: one root span per request received, one client span per call sent.
//!
//! For axum use `hopline-axum`, which knows the routes; for reqwest `hopline-reqwest`.
//!
//! # Examples
//!
//! A service, with a function that knows its routes:
//!
//! ```
//! use hopline_tower::TraceLayer;
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # use std::convert::Infallible;
//! # use hopline_testing::{assert_tree, tracer};
//! # let (tracer, spans) = tracer("orders");
//!
//! let layer = TraceLayer::public() // the callers are strangers: their trace headers are not trusted
//!     .route(|uri, _| uri.path().starts_with("/orders/").then_some("/orders/{id}"));
//! # let layer = layer.tracer(tracer);
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(|_: Request<String>| async {
//!     Ok::<_, Infallible>(Response::new("hello".to_owned()))
//! }));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! service.oneshot(Request::get("/orders/7").body(String::new()).unwrap()).await.unwrap();
//! # });
//! # assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200");
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! ```
//!
//! A service that calls another one:
//!
//! ```
//! use hopline_tower::{ClientLayer, TraceLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # use std::convert::Infallible;
//! # use hopline_testing::{assert_tree, tracer};
//! # type Request = http::Request<String>;
//! # type Response = Result<http::Response<String>, Infallible>;
//! # let (tracer, spans) = tracer("orders");
//! # let connection = service_fn(|_: Request| async { Response::Ok(http::Response::new("3".to_owned())) });
//!
//! let inventory = ServiceBuilder::new().layer(ClientLayer::new()).service(connection);
//! let handle = move |_: http::Request<String>| {
//!     let call = http::Request::get("http://inventory:4002/stock/7").body(String::new()).unwrap();
//!     let answer = inventory.clone().oneshot(call);
//!     async move { answer.await.map(|_| http::Response::new("hello".to_owned())) }
//! };
//! let layer = TraceLayer::new(); // behind the edge: the callers are services of ours
//! # let layer = layer.tracer(tracer);
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(handle));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! #     service.oneshot(http::Request::get("/orders/7").body(String::new()).unwrap()).await.unwrap();
//! # });
//! # assert_tree(&spans.all(), "GET ▸ orders  200\n└─ GET  200");
//! ```
//!
//! ```text
//! GET ▸ orders  200
//! └─ GET  200
//! ```
//!
//! Attributes of your own, from the request and from the code that handles it:
//!
//! ```
//! use hopline_core::Context;
//! use hopline_tower::TraceLayer;
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # use std::convert::Infallible;
//! # let (tracer, spans) = hopline_testing::tracer("orders");
//!
//! let layer = TraceLayer::new().on_request(|span, request| {
//!     span.set("shop.preview", request.headers.contains_key("x-preview"));
//! });
//! # let layer = layer.tracer(tracer);
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(|_: Request<String>| async {
//!     Context::current().set("order.items", 3);
//!     Ok::<_, Infallible>(Response::new(String::new()))
//! }));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! service.oneshot(Request::new(String::new())).await.unwrap();
//! # });
//! spans.one("GET").attribute("shop.preview", false).attribute("order.items", 3);
//! ```
//!
//! # Attributes of a request
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and the method as it was sent, if it is not a known one |
//! | `http.route` | the route's template, from a [route function](TraceLayer::route), the framework, or a [`RouteCell`] |
//! | `url.path`, `url.query` | of the [original URI](TraceLayer::original_uri), [redacted](Redaction) |
//! | `url.scheme` | from a trusted proxy, a [scheme function](TraceLayer::scheme) or the request; else `http` |
//! | `server.address`, `server.port` | from a trusted proxy, the URI's authority or the `Host` header |
//! | `client.address` | the peer, or the client that [trusted proxies](TraceLayer::trusted_proxies) report |
//! | `network.peer.address`, `network.peer.port` | the connection's [peer](TraceLayer::peer), if the server provides it |
//! | `user_agent.original` | the `User-Agent` header |
//! | `network.protocol.version` | `1.1`, `2` |
//! | `http.response.status_code` | an integer |
//! | `http.request.header.*`, `http.response.header.*` | arrays of text, for [listed headers](TraceLayer::request_headers) |
//! | `error.type` | see [outcomes](#outcomes) |
//! | `hopline.http.stream` | `sse` for a response of server-sent events |
//! | `hopline.http.time_to_first_byte` | seconds, if the body has more than one part |
//! | `rpc.system.name`, `rpc.method`, `rpc.method_original`, `rpc.response.status_code` | see [gRPC](#grpc) |
//!
//! The name is `{method} {route}`, or `{method}` if no route is known. It is never the path: callers could create any
//! number of names. The rules are those of the [semantic conventions] for HTTP spans, v1.44, and for gRPC.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
//!
//! # Metrics
//!
//! Reported when a span ends, recorded or not, if the tracer has a [meter](hopline_core::TracerBuilder::meter). The duration is
//! exactly that of the span.
//!
//! | instrument | of | attributes |
//! |---|---|---|
//! | `http.server.request.duration` | a request | `http.request.method` (`_OTHER` if it is not a known one), `url.scheme`, `http.route` if there is one, `http.response.status_code`, `error.type`, `network.protocol.version` |
//! | `http.server.active_requests` | a request, with [`TraceLayer::active_requests`] | `http.request.method`, `url.scheme` |
//! | `http.server.request.body.size`, `http.server.response.body.size` | a request, with [`TraceLayer::body_sizes`] | as the duration |
//! | `rpc.server.call.duration` | a gRPC call, instead of a request | `rpc.system.name`, `rpc.method` (`_OTHER` unless the server has it), `rpc.response.status_code`, `error.type` |
//! | `http.client.request.duration` | a call of [`ClientLayer`] | `http.request.method`, `server.address`, `server.port`, `http.response.status_code`, `error.type`, `network.protocol.version` |
//! | `http.client.active_requests` | a call, with [`ClientLayer::active_requests`] | `http.request.method`, `server.address`, `server.port` |
//! | `http.client.request.body.size`, `http.client.response.body.size` | a call, with [`ClientLayer::body_sizes`] | as the duration |
//! | `rpc.client.call.duration` | a gRPC call of [`ClientLayer`] | `rpc.system.name`, `rpc.method`, `rpc.response.status_code`, `error.type`, `server.address`, `server.port` |
//!
//! # Outcomes
//!
//! The span ends once: with the last byte of the response, or when it is certain that no more bytes follow.
//!
//! | event | status code | span status | `error.type` |
//! |---|---|---|---|
//! | a response below 500 is sent completely | yes | unset | |
//! | a response of 500 and more | yes | ERROR | the status code |
//! | HEAD, 204, 304: the response has no body | yes | unset | |
//! | the connection is upgraded (101, CONNECT): the request ends here | yes | unset | |
//! | the service returns an error | no | ERROR | `service_error` |
//! | the body fails | yes | ERROR | `body_error` |
//! | the handler panics, and no layer inside catches it | no | ERROR | `panic` |
//! | the handler panics, and a layer inside responds | yes | ERROR | `500` |
//! | a time-out layer inside responds | yes | by the status code | the status code |
//! | a time-out layer outside responds | no | unset | `cancelled` |
//! | the client disconnects before the head | no | unset | `cancelled` |
//! | the client disconnects during the body, also of server-sent events | yes | unset | `cancelled` |
//! | a layer outside replaces the body, which is never polled | yes | unset | |
//! | gRPC: `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | yes | ERROR | that name |
//!
//! `error.type` has no other values, except those that a handler [sets](hopline_core::Context::fail).
//!
//! # gRPC
//!
//! Calls of gRPC and gRPC-web are named by their method, `shop.Orders/Get`, once the server is known to have it: it
//! answered a recorded call with a message, or with a status that only the method returns, such as `OK`, `NOT_FOUND` or
//! `INTERNAL`. `CANCELLED`, `UNKNOWN`, `DEADLINE_EXCEEDED`, `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED`,
//! `UNIMPLEMENTED`, `UNAVAILABLE` and `UNAUTHENTICATED` show nothing, because layers outside return them for any path.
//! For other methods, `rpc.method` is `_OTHER`, `rpc.method_original` is the method as it was sent, and the name is
//! `POST`. A process knows up to about 1024 methods; [`TraceLayer::grpc_methods`] declares them in advance.
//!
//! The status is read from the head, from the trailers, or from the trailers in the body of gRPC-web; not from bodies of
//! `application/grpc-web-text`, which are base64.
//!
//! # Calls
//!
//! [`ClientLayer`] wraps hyper's clients and tonic's channels. Attributes and headers are those of
//! [hopline-reqwest](https://docs.rs/hopline-reqwest). `error.type` is the status code from 400 on; `request` if the call
//! fails without a response; `body` if the body fails and the span [ends with it](ClientLayer::until_body_end); or a gRPC
//! status other than `OK`.
//!
//! The parent of a call is the context of the task that makes it. A service that runs its inner service in another task,
//! such as tower's `buffer`, loses that context: the call would start a trace of its own. A [`ContextLayer`] outside
//! carries it.
//!
//! Put layers that follow redirects, such as tower-http's `FollowRedirectLayer`, outside the `ClientLayer`. Inside it, all
//! hops are one call, and the headers of the first hop, with baggage, are sent to every host.
//!
//! # Options
//!
//! | to | use |
//! |---|---|
//! | choose the use of callers' contexts | [`trust`](TraceLayer::trust), [`trust_by`](TraceLayer::trust_by) |
//! | leave requests out | [`filter`](TraceLayer::filter), or the operator's plan: `HOPLINE_SAMPLING='/health never; …'` |
//! | redact more or less | [`redaction`](TraceLayer::redaction) |
//! | record headers | [`request_headers`](TraceLayer::request_headers), [`response_headers`](TraceLayer::response_headers), `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{SERVER,CLIENT}_{REQUEST,RESPONSE}` |
//! | return the trace id to the caller | [`server_timing`](TraceLayer::server_timing), [`trace_id_header`](TraceLayer::trace_id_header) |
//! | keep a failed trace in all services on its path | [`announce_kept`](TraceLayer::announce_kept), [`ClientLayer::keep_with`] |
//! | add attributes | [`on_request`](TraceLayer::on_request), [`on_response`](TraceLayer::on_response), [`Context::current`](hopline_core::Context::current) in the handler |
//!
//! The request's context is current in the service, its future and the response's body. Take it into another task with
//! `in_current_context`.
//!
//! A path with `/health never` in the plan is not recorded, and calls that it makes are not sampled. With `/health 0%`,
//! failed and slow requests are still kept if the plan has those keep rules.
//!
//! # Trust
//!
//! [`TraceLayer::new`] trusts its callers: use it in services that only your own services call. At the public edge use
//! [`TraceLayer::public`]. A stranger who calls a layer that trusts its callers can
//!
//! * have any number of requests recorded at your cost, or hide requests, by the sampled flag;
//! * join another trace, by its id;
//! * give a span an adjusted count of up to a million, which skews counts estimated from samples, by a forged threshold;
//! * put baggage into all services behind the edge, and into attributes if baggage members are allowed as attributes.
//!
//! With [`TraceLayer::public`] none of that is possible: the stranger's ids become a link, `tracestate` and `baggage` are
//! not read, and no service inside gets the three headers. To continue some callers at the edge, decide for each request
//! with [`TraceLayer::trust_by`]. [`SamplingPlan`](hopline_core::SamplingPlan#trust) describes the limits that a plan sets
//! for forged flags.
//!
//! # Limits
//!
//! The layer records no bodies, no credentials, and no headers that are not listed. It ignores `Forwarded` headers of
//! peers that are not trusted. The traffic of a connection after its upgrade is not part of the request: start a span with a
//! [link](hopline_core::SpanBuilder::links) for it.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
mod context_layer;
mod scope;
mod scoped;
pub mod server;

#[doc(no_inline)]
pub use client::ClientLayer;
pub use context_layer::{CarryContext, ContextLayer};
#[doc(no_inline)]
pub use hopline_core::Trust;
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_http::client::{CallerContext, ResendCount, Untraced, UrlTemplate};
#[doc(no_inline)]
pub use server::RouteCell;

/// Records each request of any tower service as a local root span. [`ServerLayer`](server::ServerLayer) has its options.
///
/// # Examples
///
/// ```
/// use hopline_tower::TraceLayer;
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let layer = TraceLayer::new();
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let service = layer.layer(service_fn(|_: Request<String>| async {
///     let mut response = Response::new(String::new());
///     *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
///     Ok::<_, std::convert::Infallible>(response)
/// }));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// service.oneshot(Request::new(String::new())).await.unwrap();
/// # });
/// spans.one("GET").failed("503");
/// ```
pub type TraceLayer = server::ServerLayer<server::Tower>;

/// Another name of [`TraceLayer`], for files that import tower-http's `TraceLayer`.
///
/// # Examples
///
/// ```
/// use hopline_tower::{HoplineLayer, Trust};
/// use tower::ServiceBuilder;
/// use tower_http::follow_redirect::FollowRedirectLayer;
///
/// let layers = ServiceBuilder::new().layer(HoplineLayer::new().trust(Trust::Link)).layer(FollowRedirectLayer::new());
/// assert!(format!("{layers:?}").contains("FollowRedirect"));
/// ```
pub type HoplineLayer = TraceLayer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

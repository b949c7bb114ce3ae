//! hopline for any tower HTTP service, as a server and as a client: one root span per request that comes in, one
//! client span per call that goes out.
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
//!
//! let handle = move |_: http::Request<String>| {
//!     let call = http::Request::get("http://inventory:4002/stock/7").body(String::new()).unwrap();
//!     let answer = inventory.clone().oneshot(call);
//!     async move { answer.await.map(|_| http::Response::new("hello".to_owned())) }
//! };
//! let layer = TraceLayer::public(); // strangers call: their trace headers are not trusted
//! # let layer = layer.tracer(tracer);
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(handle));
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! #     let answer = service.oneshot(http::Request::get("/orders/7").body(String::new()).unwrap()).await.unwrap();
//! #     http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
//! # });
//! # assert_tree(&spans.all(), "GET ▸ orders  200\n└─ GET  200");
//! ```
//!
//! ```text
//! GET ▸ orders  200
//! └─ GET  200
//! ```
//!
//! # What is recorded of a request
//!
//! | attribute | value |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and as it was sent, if it is not a known one |
//! | `http.route` | the route's template, if a [route function](TraceLayer::route) or something inside knows it |
//! | `url.path`, `url.query` | of the request's [own URI](TraceLayer::original_uri), [redacted](Redaction) |
//! | `url.scheme` | as the request or a trusted proxy names it, or a [function](TraceLayer::scheme); `http` otherwise |
//! | `server.address`, `server.port` | of the authority or the `Host` header |
//! | `client.address` | who is at the connection's other end, or whom [trusted proxies](TraceLayer::trusted_proxies) saw |
//! | `network.peer.address`, `network.peer.port` | the connection's other end, if the server [tells it](TraceLayer::peer) |
//! | `user_agent.original` | the header, if there is one |
//! | `network.protocol.version` | `1.1`, `2` |
//! | `http.response.status_code` | an integer |
//! | `http.request.header.*`, `http.response.header.*` | arrays of text, of headers that are [asked for](TraceLayer::request_headers), also by variables |
//! | `error.type` | one of the [outcomes](#outcomes) |
//! | `hopline.http.stream` | `sse` for an answer of server-sent events |
//! | `hopline.http.time_to_first_byte` | seconds, where the body did not come at once |
//! | `rpc.system.name`, `rpc.method`, `rpc.method_original`, `rpc.response.status_code` | of [calls of gRPC](#calls-of-grpc) |
//!
//! The name is `{method} {route}`, or `{method}` where no route is known; never the path, which callers could make up
//! without end. The rules are those of the [semantic conventions] for HTTP spans, v1.44, and for gRPC.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
//!
//! # Calls of gRPC
//!
//! Calls of gRPC and gRPC-web are named by their method, `shop.Orders/Get`, if the server has shown that it knows it:
//! it answered a recorded call with a message, or with a status that the method itself gives, such as `OK`, `NOT_FOUND` or
//! `INTERNAL`. `CANCELLED`, `UNKNOWN`, `DEADLINE_EXCEEDED`, `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED`,
//! `UNIMPLEMENTED`, `UNAVAILABLE` and `UNAUTHENTICATED` show nothing: layers outside answer so, whatever is called. Then
//! `rpc.method` is `_OTHER`, the method as it was sent is in `rpc.method_original`, and the name is `POST`. A
//! process knows up to 1024 methods; [`TraceLayer::grpc_methods`] declares them.
//!
//! The status is read from the head, the trailers, or the trailers in the body of gRPC-web;
//! not from bodies of `application/grpc-web-text`, which are base64.
//!
//! # Outcomes
//!
//! The span ends once, when the last byte of the answer was taken or it is certain that it will not be:
//!
//! | what happens | code | status | `error.type` |
//! |---|---|---|---|
//! | an answer below 500 is taken whole, whether its length is known or not | yes | unset | |
//! | an answer of 500 and more | yes | ERROR | the code |
//! | HEAD, 204, 304: the answer has no body | yes | unset | |
//! | the connection is upgraded (101, CONNECT): the request ends here | yes | unset | |
//! | the service fails instead of answering | no | ERROR | `service_error` |
//! | the body fails half way | yes | ERROR | `body_error` |
//! | the handler panics, and nobody or a layer outside catches it | no | ERROR | `panic` |
//! | it panics, and a layer inside answers for it | yes | ERROR | `500` |
//! | a time-out inside answers | yes | by the code | the code |
//! | a time-out outside answers | no | unset | `cancelled` |
//! | the client is gone before the head | no | unset | `cancelled` |
//! | the client is gone in mid-body, also of server-sent events | yes | unset | `cancelled` |
//! | a layer outside replaces the body, which is never asked for | yes | unset | |
//! | gRPC: `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | yes | ERROR | that name |
//!
//! Those are all values of `error.type`, but for what a handler says [itself](hopline_core::Context::fail).
//!
//! # Calls
//!
//! [`ClientLayer`] goes around hyper's clients and tonic's channels; what it records, and which headers go where, is
//! as with [hopline-reqwest](https://docs.rs/hopline-reqwest). `error.type` is the status code from 400 on, `request`
//! if there is no answer, `body` if the body fails and the span [lasts so long](ClientLayer::until_body_end), or a
//! status of gRPC other than `OK`.
//!
//! The context is current in the task that makes the call. A service that runs its inside in a task of its own, such as
//! tower's `buffer` around a [`ClientLayer`], loses it: the call would begin a trace of its own. A [`ContextLayer`]
//! outside carries it across, and one inside makes it current again for code that needs it. Clients follow redirects
//! outside the layer, as tower-http's `FollowRedirectLayer` does in front of it: inside, all hops are one call, and its
//! headers, baggage included, reach every host on the way.
//!
//! # How to change it
//!
//! [`TraceLayer`]'s methods: a tracer of its own, what [callers' contexts count for](TraceLayer::trust), requests
//! that are [not recorded](TraceLayer::filter), what is [redacted](TraceLayer::redaction), headers that are recorded,
//! headers that [say the trace](TraceLayer::server_timing) to the caller, telling the caller that a failed trace is
//! [kept here](TraceLayer::announce_kept). Two hooks add to the span:
//! [`on_request`](TraceLayer::on_request) and [`on_response`](TraceLayer::on_response). The handler adds to it
//! through [`Context::current`](hopline_core::Context::current), which is current in the service, its future and the
//! answer's body; a task of its own takes it along by `in_current_context`.
//!
//! The operator adds headers to be recorded, of requests and of responses, by
//! `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST` and `…_SERVER_RESPONSE`, of a [`ClientLayer`]'s by
//! `…_CLIENT_REQUEST` and `…_CLIENT_RESPONSE`: lists of names, separated by commas. Credentials stay redacted.
//!
//! # Trust
//!
//! [`TraceLayer::new`] trusts its callers; it is for services that only your own services call. At the edge use
//! [`TraceLayer::public`]. A stranger at a layer that trusts its callers can
//!
//! * have any number of requests recorded at your cost, or hide requests, by the sampled flag;
//! * join a trace that is not the stranger's, by its id;
//! * give one span an adjusted count of up to a million, which skews counts estimated from samples, by a forged threshold;
//! * put baggage into all services behind the edge, and into attributes where members are allowed as attributes.
//!
//! Under [`TraceLayer::public`] none of that is possible: the stranger's ids become a link, `tracestate` and `baggage` are
//! not read, and no service inside sees the three headers. Where the edge must continue some callers, decide by request
//! with [`TraceLayer::trust_by`]. What a plan can do about forged flags is in
//! [`SamplingPlan`](hopline_core::SamplingPlan#trust).
//!
//! # Health checks
//!
//! Leave them out by the operator's plan, `HOPLINE_SAMPLING='/health never; …'`, or by a [filter](TraceLayer::filter) in
//! code. Neither is recorded, and calls that they make are not sampled. With `/health 0%` in the plan, failed and slow
//! ones are still kept where the plan keeps those.
//!
//! # What it will not do
//!
//! It records no header that was not asked for, no credentials and no bodies; it does not believe `Forwarded` headers
//! of strangers; it makes no metrics. A span that began because of its path or its headers cannot be renamed to what
//! only the handler knows but by the handler. What a connection does after its upgrade is not the request's: begin a
//! span with a [link](hopline_core::SpanBuilder::links) for it.

use hopline_core::Scope;
use hopline_http::grpc::KnownMethods;

mod body;
mod carry;
mod client;
mod future;
mod grpc;
mod layer;
mod options;
mod peer;
mod root;
mod route;
mod service;
mod slot;
mod start;
mod uri;

pub use body::ResponseBody;
pub use carry::{CarryContext, ContextLayer};
pub use client::{CallFuture, ClientLayer, TraceClient};
pub use future::ResponseFuture;
#[doc(no_inline)]
pub use hopline_core::Trust;
#[doc(no_inline)]
pub use hopline_http::Redaction;
#[doc(no_inline)]
pub use hopline_http::client::{CallerContext, ResendCount, Untraced, UrlTemplate};
pub use layer::{HoplineLayer, TraceLayer};
pub use peer::PeerFn;
pub use route::{RouteCell, RouteFn};
pub use service::Trace;
pub use uri::{SchemeFn, UriFn};

/// Methods of gRPC that this process has shown to know.
static KNOWN: KnownMethods = KnownMethods::new();

/// Who records, where nobody records in another crate's name.
static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The server layer and its options, defined once for hopline-tower and hopline-axum.

use std::net::IpAddr;
use std::sync::Arc;

use hopline_core::{Context, Tracer, Trust, semconv::OlderNames};
use hopline_http::{HeaderCapture, Redaction};
use http::{Extensions, HeaderMap, HeaderName, Method, Uri, request, response};
use tower_layer::Layer;

use super::framework::{Framework, PeerFn, RouteFn, SchemeFn, UriFn};
use super::grpc;
use super::options::Options;
use super::service::TraceService;
use super::settings::Settings;

/// Records each request as a local root span. See the front page of [hopline-tower](crate) for its attributes and
/// outcomes.
///
/// Use it as `hopline_axum::TraceLayer` or [`hopline_tower::TraceLayer`](crate::TraceLayer), which name the framework
/// `F`. It may be made before the tracer is installed. It may be applied twice: a request is recorded once, by the outer
/// layer.
///
/// # Examples
///
/// ```
/// use hopline_tower::TraceLayer;
/// # use http::{Request, Response};
/// # use tower::{Layer, ServiceExt, service_fn};
///
/// let layer = TraceLayer::public().filter(|_, uri| uri.path() != "/health");
/// # let (tracer, spans) = hopline_testing::tracer("gateway");
/// # let layer = layer.tracer(tracer);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     for path in ["/health", "/orders"] {
/// #         let answer = |_| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) };
/// #         layer.layer(service_fn(answer)).oneshot(Request::get(path).body(()).unwrap()).await.unwrap();
/// #     }
/// # });
/// // after GET /health and GET /orders
/// spans.one("GET").attribute("url.path", "/orders");
/// ```
#[derive(Clone, Debug)]
pub struct ServerLayer<F> {
    settings: Settings<F>,
}

impl<F: Framework> ServerLayer<F> {
    /// Creates a layer that trusts its callers ([`Trust::Continue`]).
    ///
    /// A request with a valid `traceparent` continues the caller's trace, is sampled as the caller decided, and takes the
    /// caller's baggage. For services that strangers cannot reach; at the public edge use [`public`](Self::public).
    pub fn new() -> Self {
        Self {
            settings: Settings::from_env(),
        }
    }

    /// Creates a layer that does not trust its callers ([`Trust::Link`]): each request starts a trace of its own, linked
    /// to the caller's span.
    ///
    /// For the public edge, where any client can send a `traceparent`. A layer that trusts such clients lets them have
    /// any number of requests recorded at your cost, hide requests, join the traces of others, and put baggage into your
    /// services. This one does not read the caller's `tracestate` and `baggage`, and removes the three headers from the
    /// request before the service gets it, so that a proxy that copies headers passes none of them on.
    pub fn public() -> Self {
        Self::new().trust(Trust::Link)
    }

    /// Sets the use of the caller's trace context. Defaults to [`Trust::Continue`]. Replaces
    /// [`trust_by`](Self::trust_by).
    ///
    /// With any other value, `traceparent`, `tracestate` and `baggage` are removed from the request before the service
    /// gets it.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.settings.set_trust(trust);
        self
    }

    /// Sets the use of the caller's trace context for each request, by its headers and extensions.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::{TraceLayer, Trust};
    ///
    /// #[derive(Clone)]
    /// struct Authenticated; // inserted by a layer outside
    ///
    /// let layer = TraceLayer::public().trust_by(|_, extensions| match extensions.get::<Authenticated>() {
    ///     Some(Authenticated) => Trust::Continue,
    ///     None => Trust::Link,
    /// });
    /// ```
    #[must_use]
    pub fn trust_by(
        self,
        choose: impl Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.trust = Some(Arc::new(choose)))
    }

    /// Announces in a response that this service keeps the trace: `Server-Timing: trace;desc=…`.
    ///
    /// A caller that follows the announcement (`keep_with` of its client) keeps its part too and announces it to its own
    /// caller. So the path from the edge to the hop that failed is kept although the trace was not sampled. The header is
    /// written with the response's head if the status is 5xx, a span of the local trace has failed, or the trace
    /// [is forced](hopline_core::Span::keep); the trace is kept then.
    ///
    /// # Limits
    ///
    /// * A failure after the head is not announced.
    /// * Calls to other services that ended before the failure are not kept there.
    /// * Nothing is announced through queues.
    /// * All callers of the service see the header.
    #[must_use]
    pub fn announce_kept(mut self) -> Self {
        self.settings.headers.announce_kept = true;
        self
    }

    /// Adds `Server-Timing: trace;desc=00-…` to every response, as the draft of Trace Context Level 3 defines it.
    ///
    /// Browsers show it in their developer tools. A page of another origin reads it only if `Timing-Allow-Origin` allows
    /// that.
    #[must_use]
    pub fn server_timing(mut self) -> Self {
        self.settings.headers.server_timing = true;
        self
    }

    /// Adds `x-trace-id: …` to every response, so that users can quote it to support.
    ///
    /// A page of another origin reads it only if `Access-Control-Expose-Headers` lists it.
    #[must_use]
    pub fn trace_id_header(mut self) -> Self {
        self.settings.headers.trace_id = true;
        self
    }

    /// Records with this tracer. Defaults to the installed tracer, looked up for each request.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.settings.tracer = Some(tracer);
        self
    }

    /// Records older attribute names beside the current ones, such as `http.status_code`. Defaults to
    /// `OTEL_SEMCONV_STABILITY_OPT_IN`.
    #[must_use]
    pub fn older_names(mut self, names: OlderNames) -> Self {
        self.settings.older_names = names.http;
        self
    }

    /// Finds the route's template of a request by this function. Defaults to the framework's route.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    ///
    /// let layer = TraceLayer::new().route(|uri, _| match uri.path() {
    ///     "/health" => Some("/health"),
    ///     path if path.starts_with("/orders/") => Some("/orders/{id}"),
    ///     _ => None,
    /// });
    /// ```
    #[must_use]
    pub fn route(self, route: RouteFn) -> Self {
        self.with(|options| options.route = Some(route))
    }

    /// Finds the address of the connection's peer by this function. Defaults to a
    /// [`SocketAddr`](std::net::SocketAddr) in the request's extensions; with axum, to `ConnectInfo<SocketAddr>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use hopline_tower::TraceLayer;
    ///
    /// #[derive(Clone)]
    /// struct Connection { peer: SocketAddr } // inserted by the server
    ///
    /// let layer = TraceLayer::new().peer(|extensions| Some(extensions.get::<Connection>()?.peer));
    /// ```
    #[must_use]
    pub fn peer(self, peer: PeerFn) -> Self {
        self.with(|options| options.peer = Some(peer))
    }

    /// Finds the original URI of a request by this function, if a router has changed the one in the request. Defaults to
    /// the request's URI; with axum, to the URI before a nest removes its prefix.
    ///
    /// Recorded path and query, filter, plan, hooks and [route function](Self::route) use the original URI.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    /// use http::Uri;
    ///
    /// #[derive(Clone)]
    /// struct Original(Uri); // inserted by a layer outside
    ///
    /// let layer = TraceLayer::new().original_uri(|uri, extensions| {
    ///     extensions.get::<Original>().map_or(uri, |original| &original.0)
    /// });
    /// ```
    #[must_use]
    pub fn original_uri(self, uri: UriFn) -> Self {
        self.with(|options| options.original_uri = Some(uri))
    }

    /// Finds the scheme of a request (`url.scheme`) by this function, for a service that terminates TLS itself.
    ///
    /// Defaults to the request's own: HTTP/2 requests have a scheme; HTTP/1.1 requests have none and are recorded as
    /// `http`. The scheme that a [trusted proxy](Self::trusted_proxies) reports takes precedence.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    /// use http::uri::Scheme;
    ///
    /// let behind_tls = TraceLayer::new().scheme(|_| Some(Scheme::HTTPS));
    ///
    /// #[derive(Clone, Copy)]
    /// struct Tls; // inserted by a server with two ports, in the requests of its TLS port
    ///
    /// let both = TraceLayer::new().scheme(|extensions| extensions.get::<Tls>().map(|_| Scheme::HTTPS));
    /// ```
    #[must_use]
    pub fn scheme(self, scheme: SchemeFn) -> Self {
        self.with(|options| options.scheme = Some(scheme))
    }

    /// Declares gRPC methods, such as `shop.Orders/Get`, so that they name spans before the server has answered them.
    ///
    /// Only known methods name spans, so that callers cannot create names. Without a declaration a method is known once
    /// the server has answered it; see [gRPC](crate#grpc). Declarations hold for the process, for up to about 1024
    /// methods.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = hopline_tower::TraceLayer::new().grpc_methods(["shop.Orders/Get", "shop.Orders/Put"]);
    /// ```
    #[must_use]
    pub fn grpc_methods<'a>(self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        methods.into_iter().for_each(grpc::declare);
        self
    }

    /// Trusts `Forwarded` and `X-Forwarded-*` from peers for which `is_trusted` returns true. Defaults to no peers.
    ///
    /// The headers of a trusted peer determine the client's address, the host and the scheme; see
    /// [`Forwarded`](hopline_http::server::Forwarded). The layer must know the [peer](Self::peer).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use hopline_tower::TraceLayer;
    ///
    /// let layer = TraceLayer::new().trusted_proxies(|address| match address {
    ///     IpAddr::V4(address) => address.is_private() || address.is_loopback(),
    ///     IpAddr::V6(address) => address.is_loopback(),
    /// });
    /// ```
    #[must_use]
    pub fn trusted_proxies(
        self,
        is_trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.proxies = Some(Arc::new(is_trusted)))
    }

    /// Redacts URLs by these rules. Defaults to [`Redaction::default`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::{Redaction, TraceLayer};
    ///
    /// let layer = TraceLayer::new().redaction(Redaction::default().query_keys(["email"]));
    /// ```
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.with(|options| options.redaction = redaction)
    }

    /// Records these request headers as `http.request.header.<name>`, beside those in
    /// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`. Credentials stay [redacted](HeaderCapture). Replaces
    /// the names of an earlier call.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    /// use http::HeaderName;
    ///
    /// let layer = TraceLayer::new().request_headers([HeaderName::from_static("x-tenant-id")]);
    /// ```
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|options| options.request_headers = HeaderCapture::from_server_requests(names))
    }

    /// Records these response headers as `http.response.header.<name>`, beside those in
    /// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE`. Credentials stay [redacted](HeaderCapture). Replaces
    /// the names of an earlier call.
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|options| options.response_headers = HeaderCapture::from_server_responses(names))
    }

    /// Records only requests for which `filter` returns true. Replaces an earlier filter.
    ///
    /// Other requests pass on the caller's context. If they have none, or the caller is not [trusted](Self::trust), calls
    /// made in them carry a new trace that is not sampled.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = hopline_tower::TraceLayer::new().filter(|_, uri| uri.path() != "/health");
    /// ```
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.filter = Some(Arc::new(filter)))
    }

    /// Also counts the requests that are being served: `http.server.active_requests`, if the tracer has a
    /// [meter](hopline_core::TracerBuilder::meter).
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = hopline_tower::TraceLayer::new().active_requests();
    /// ```
    #[must_use]
    pub fn active_requests(self) -> Self {
        self.with(|options| options.active_requests = true)
    }

    /// Also measures the bytes of bodies, if the tracer has a [meter](hopline_core::TracerBuilder::meter):
    /// `http.server.request.body.size` and `http.server.response.body.size`. Not of gRPC.
    ///
    /// Bytes are counted as they pass the layer, also those of streams: what the service has read of the request, and what
    /// was sent of the response. A layer that compresses outside of this one sends fewer. Without axum, the size of a request
    /// is its `content-length`, and it is not reported for a stream.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = hopline_tower::TraceLayer::new().body_sizes();
    /// ```
    #[must_use]
    pub fn body_sizes(self) -> Self {
        self.with(|options| options.body_sizes = true)
    }

    /// Calls `hook` when a recorded request starts, to add to its span. A panic in the hook is reported by a notice and
    /// does not affect the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    ///
    /// let layer = TraceLayer::new().on_request(|span, request| {
    ///     span.set("shop.preview", request.headers.contains_key("x-preview"));
    /// });
    /// ```
    #[must_use]
    pub fn on_request(
        self,
        hook: impl Fn(&Context, &request::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.on_request = Some(Arc::new(hook)))
    }

    /// Calls `hook` when the head of a recorded request's response is there, to add to its span. A panic in the hook is
    /// reported by a notice and does not affect the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    ///
    /// let layer = TraceLayer::new().on_response(|span, response| {
    ///     span.set("shop.cached", response.headers.contains_key("age"));
    /// });
    /// ```
    #[must_use]
    pub fn on_response(
        self,
        hook: impl Fn(&Context, &response::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.on_response = Some(Arc::new(hook)))
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        self.settings.change_options(change);
        self
    }
}

impl<F: Framework> Default for ServerLayer<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, F: Framework> Layer<S> for ServerLayer<F> {
    type Service = TraceService<S, F>;

    fn layer(&self, inner: S) -> TraceService<S, F> {
        TraceService::new(inner, self.settings.clone())
    }
}

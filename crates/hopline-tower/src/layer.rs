//! The layer.

use std::net::IpAddr;
use std::sync::Arc;

use hopline_core::{Context, OlderNames, Scope, Tracer, Trust};
use hopline_http::{Capture, Redaction};
use http::{Extensions, HeaderMap, HeaderName, Method, Uri, request, response};
use tower_layer::Layer;

use crate::options::Options;
use crate::peer::{PeerFn, plain_peer};
use crate::route::RouteFn;
use crate::service::Trace;
use crate::uri::{SchemeFn, UriFn, unchanged};
use crate::{KNOWN, SCOPE};

/// Another name of [`TraceLayer`], for files that import the layer of this name from tower-http.
pub type HoplineLayer = TraceLayer;

/// Records each request as a root span. See the [crate](crate) for what is recorded.
///
/// It may be made before the tracer is installed, and applied twice: a request is recorded once.
///
/// # Examples
///
/// ```
/// use hopline_tower::TraceLayer;
///
/// // the outermost service of a company's edge does not join its callers' traces
/// let edge = TraceLayer::public().filter(|_, uri| uri.path() != "/health");
/// ```
#[derive(Clone, Debug)]
pub struct TraceLayer {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) scope: &'static Scope,
    pub(crate) older_names: bool,
    pub(crate) trust: Trust,
    pub(crate) tell: Tell,
    pub(crate) route: Option<RouteFn>,
    pub(crate) peer: PeerFn,
    pub(crate) uri: UriFn,
    pub(crate) unrouted: Option<&'static str>,
    pub(crate) options: Option<Arc<Options>>,
}

/// What a response says of its trace.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tell {
    pub(crate) kept: bool,
    pub(crate) server_timing: bool,
    pub(crate) trace_id: bool,
}

impl TraceLayer {
    /// Trusts its callers ([`Trust::Continue`]): a request with a valid `traceparent` continues the caller's
    /// trace, sampled as the caller decided, and takes its baggage. For services that strangers cannot reach; at the edge
    /// use [`public`](Self::public).
    pub fn new() -> Self {
        Self {
            tracer: None,
            scope: &SCOPE,
            older_names: OlderNames::from_env().http,
            trust: Trust::Continue,
            tell: Tell::default(),
            route: None,
            peer: plain_peer,
            uri: unchanged,
            unrouted: None,
            options: Options::from_env(),
        }
    }

    /// Does not trust its callers ([`Trust::Link`]): every request begins a trace of its own, linked to the
    /// caller's span.
    ///
    /// For the edge, where anybody can send a `traceparent`. There, a layer that trusts its callers lets them have any
    /// number of requests recorded at your cost, hide requests, join traces that are not theirs, and put baggage into
    /// your services. The caller's `tracestate` and `baggage` are not read, and the three headers are taken out of the
    /// request before the service sees it, so a proxy that copies headers passes none of them on.
    pub fn public() -> Self {
        Self::new().trust(Trust::Link)
    }

    /// Sets the use of the caller's trace context. Defaults to [`Trust::Continue`]; with any other, `traceparent`,
    /// `tracestate` and `baggage` are taken out of the request before the service sees it.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        if self.options.is_some() {
            return self.with(|options| options.trust = None);
        }
        self
    }

    /// The same, by request: where the caller's address or a header tells one's own from strangers.
    #[must_use]
    pub fn trust_by(
        self,
        choose: impl Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.trust = Some(Arc::new(choose)))
    }

    /// Says in a response that this service keeps the trace, if it failed or was asked for.
    ///
    /// A caller that [listens](https://docs.rs/hopline-reqwest) keeps its part too, and tells its own caller, so the
    /// path from the edge to the failing hop is kept although the trace was not sampled. It is said in
    /// `Server-Timing: trace;desc=…` when the response's head is made, if by then the status is 5xx, a span
    /// of the local trace has failed or the trace [is to be kept](hopline_core::Span::keep); and then it is kept.
    ///
    /// What fails after the head cannot be said any more; calls to other services that ended before are
    /// not kept by those; and nothing is said through queues. Everybody who can call the service sees
    /// the header.
    #[must_use]
    pub fn announce_kept(mut self) -> Self {
        self.tell.kept = true;
        self
    }

    /// Says in every response which trace it belongs to: `Server-Timing: trace;desc=00-…`, as the draft of Trace
    /// Context Level 3 has it, which browsers read.
    ///
    /// A page of another origin reads it only where `Timing-Allow-Origin` lets it.
    #[must_use]
    pub fn server_timing(mut self) -> Self {
        self.tell.server_timing = true;
        self
    }

    /// Says in every response the trace's id, to be quoted to the support: `x-trace-id: …`.
    ///
    /// A page of another origin reads it only where `Access-Control-Expose-Headers` names it.
    #[must_use]
    pub fn trace_id_header(mut self) -> Self {
        self.tell.trace_id = true;
        self
    }

    /// Records with this tracer instead of the installed one.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// Records in the name of this library: for a crate that is made of this layer.
    #[must_use]
    pub fn scope(mut self, scope: &'static Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(mut self, names: OlderNames) -> Self {
        self.older_names = names.http;
        self
    }

    /// Finds the route's template, in the request's extensions, where a router has left it, or otherwise.
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
    pub fn route(mut self, route: RouteFn) -> Self {
        self.route = Some(route);
        self
    }

    /// Gives the operator this notice, once in a process, when a request succeeds without a route and without an
    /// [original URI](Self::original_uri): for a crate that knows its router, which would have left both.
    #[must_use]
    pub fn unrouted_notice(mut self, text: &'static str) -> Self {
        self.unrouted = Some(text);
        self
    }

    /// Finds the address of the connection's other end in the request's extensions; without this, a plain
    /// [`SocketAddr`](std::net::SocketAddr) there.
    #[must_use]
    pub fn peer(mut self, peer: PeerFn) -> Self {
        self.peer = peer;
        self
    }

    /// Finds the request's own URI where a router has changed it, as nested routers do. Path, query, filter, plan, hooks
    /// and the [route function](Self::route) see this one. Defaults to the request's URI.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::TraceLayer;
    /// use http::Uri;
    ///
    /// #[derive(Clone)]
    /// struct Original(Uri); // left by a layer outside
    ///
    /// let layer = TraceLayer::new().original_uri(|uri, extensions| {
    ///     extensions.get::<Original>().map_or(uri, |original| &original.0)
    /// });
    /// ```
    #[must_use]
    pub fn original_uri(mut self, uri: UriFn) -> Self {
        self.uri = uri;
        self
    }

    /// Finds the scheme a request was sent by, for a service that terminates TLS itself: `url.scheme`.
    ///
    /// Without it the scheme is `https` where the request says so, as requests of HTTP/2 do, or a
    /// [trusted proxy](Self::trusted_proxies); those of HTTP/1.1 do not, and count as `http`. A trusted proxy's word
    /// comes first.
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
    /// struct Tls; // left by a server of both in the requests of its TLS port
    ///
    /// let both = TraceLayer::new().scheme(|extensions| extensions.get::<Tls>().map(|_| Scheme::HTTPS));
    /// ```
    #[must_use]
    pub fn scheme(self, scheme: SchemeFn) -> Self {
        self.with(|options| options.scheme = Some(scheme))
    }

    /// Names methods of gRPC, such as `shop.Orders/Get`, that are known before the server has answered them.
    ///
    /// Spans bear the names of known methods only, so that callers cannot make up names. Without this a method is
    /// known once it was answered; see the [crate](crate#calls-of-grpc). Methods become known in the whole process, up to
    /// 1024.
    #[must_use]
    pub fn grpc_methods<'a>(self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        for method in methods {
            KNOWN.learn(method.trim_start_matches('/'));
        }
        self
    }

    /// Believes `Forwarded` and the `X-Forwarded-*` headers where the connection's other end is one's own proxy.
    ///
    /// Then they say the client's address, the host and the scheme; see [`Forwarded`](hopline_http::Forwarded).
    /// Without this, and for connections from elsewhere, anybody could say anything, and nothing is believed.
    /// The other end must be [known](Self::peer).
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
    pub fn trusted_proxies(self, trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.proxies = Some(Arc::new(trusted)))
    }

    /// What of URLs is not recorded, instead of [what usually is not](Redaction).
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.with(|options| options.redaction = redaction)
    }

    /// Records these headers of requests, each as `http.request.header.<name>`, beside those that the
    /// [operator](Capture) wants; credentials stay redacted.
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|options| options.request_headers = Capture::of_server_requests(names))
    }

    /// Records these headers of responses, each as `http.response.header.<name>`, beside those that the
    /// [operator](Capture) wants.
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|options| options.response_headers = Capture::of_server_responses(names))
    }

    /// Records only requests for which this is true. The others pass on the context that they bring; without one, or
    /// if it is not [trusted](Self::trust), calls made in them carry a new trace that is not sampled.
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.filter = Some(Arc::new(filter)))
    }

    /// Adds to the spans of requests, when they begin. A panic in it is announced and harms no request.
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

    /// Adds to the spans of requests, when the answer's head is there. A panic in it is announced and harms no request.
    #[must_use]
    pub fn on_response(
        self,
        hook: impl Fn(&Context, &response::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.on_response = Some(Arc::new(hook)))
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(self.options.get_or_insert_default()));
        self
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace {
            inner,
            layer: self.clone(),
        }
    }
}

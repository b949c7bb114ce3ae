//! The layer.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use hopline_core::{Context, OlderNames, Scope, Tracer};
use hopline_http::Redaction;
use hopline_tower::{PeerFn, RouteFn, SchemeFn, Trace, Trust};
use http::{Extensions, HeaderMap, HeaderName, Method, Uri, request, response};
use tower_layer::Layer;

/// Another name of [`TraceLayer`], for files that import the layer of this name from tower-http.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use hopline_axum::HoplineLayer;
/// use tower_http::trace::TraceLayer;
///
/// let app: Router = Router::new().layer(TraceLayer::new_for_http()).layer(HoplineLayer::new());
/// ```
pub type HoplineLayer = TraceLayer;

/// Records each request as a root span named by its route. See the [crate](crate).
///
/// It may be made before the tracer is installed, and applied twice: a request is recorded once.
#[derive(Clone, Debug)]
pub struct TraceLayer(hopline_tower::TraceLayer);

const UNROUTED: &str = "requests have no route, so their spans are named by the method alone: hopline_axum's layer is \
    outside the router, or the router is of another version of axum than 0.8 (see `cargo tree -d`); apply it with \
    `Router::layer`, or put hopline_axum::RouteLayer inside";

static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

impl TraceLayer {
    /// Trusts its callers: for services that strangers cannot reach. See [`hopline_tower::TraceLayer::new`].
    pub fn new() -> Self {
        Self::of(hopline_tower::TraceLayer::new())
    }

    /// Does not trust its callers: for the edge. See [`hopline_tower::TraceLayer::public`].
    pub fn public() -> Self {
        Self::of(hopline_tower::TraceLayer::public())
    }

    fn of(layer: hopline_tower::TraceLayer) -> Self {
        let layer = layer
            .scope(&SCOPE)
            .route(|_, extensions| matched_path(extensions));
        let layer = layer.peer(connected).original_uri(original);
        Self(layer.unrouted_notice(UNROUTED))
    }

    /// What the callers' trace context counts for; see [`hopline_tower::TraceLayer::trust`].
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        Self(self.0.trust(trust))
    }

    /// The same, by request; see [`hopline_tower::TraceLayer::trust_by`].
    #[must_use]
    pub fn trust_by(
        self,
        choose: impl Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.trust_by(choose))
    }

    /// Says in a response that this service keeps the trace; see [`hopline_tower::TraceLayer::announce_kept`].
    #[must_use]
    pub fn announce_kept(self) -> Self {
        Self(self.0.announce_kept())
    }

    /// Says in every response which trace it belongs to; see [`hopline_tower::TraceLayer::server_timing`].
    #[must_use]
    pub fn server_timing(self) -> Self {
        Self(self.0.server_timing())
    }

    /// Says in every response the trace's id, as `x-trace-id`; see [`hopline_tower::TraceLayer::trace_id_header`].
    #[must_use]
    pub fn trace_id_header(self) -> Self {
        Self(self.0.trace_id_header())
    }

    /// Records with this tracer instead of the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        Self(self.0.tracer(tracer))
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        Self(self.0.older_names(names))
    }

    /// Finds routes by this function instead of axum's own; see [`hopline_tower::TraceLayer::route`].
    #[must_use]
    pub fn route(self, route: RouteFn) -> Self {
        Self(self.0.route(route))
    }

    /// Finds the address of the connection's other end; see [`hopline_tower::TraceLayer::peer`]. Defaults to axum's
    /// `ConnectInfo<SocketAddr>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use hopline_axum::TraceLayer;
    ///
    /// // of a server with `into_make_service_with_connect_info::<Connection>()`
    /// #[derive(Clone)]
    /// struct Connection {
    ///     address: SocketAddr,
    /// }
    ///
    /// let layer = TraceLayer::new().peer(|extensions| {
    ///     let connection = extensions.get::<ConnectInfo<Connection>>()?;
    ///     Some(connection.0.address)
    /// });
    /// ```
    #[must_use]
    pub fn peer(self, peer: PeerFn) -> Self {
        Self(self.0.peer(peer))
    }

    /// Finds the scheme of requests, for a service that terminates TLS itself; see
    /// [`hopline_tower::TraceLayer::scheme`].
    #[must_use]
    pub fn scheme(self, scheme: SchemeFn) -> Self {
        Self(self.0.scheme(scheme))
    }

    /// Names methods of gRPC that are known from the start; see [`hopline_tower::TraceLayer::grpc_methods`].
    #[must_use]
    pub fn grpc_methods<'a>(self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.grpc_methods(methods))
    }

    /// Believes `Forwarded` and the `X-Forwarded-*` headers of one's own proxies; see
    /// [`hopline_tower::TraceLayer::trusted_proxies`].
    ///
    /// The connection's other end is known where the router is served by
    /// [`into_make_service_with_connect_info::<SocketAddr>()`](axum::Router::into_make_service_with_connect_info).
    #[must_use]
    pub fn trusted_proxies(self, trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.trusted_proxies(trusted))
    }

    /// What of URLs is not recorded; see [`hopline_tower::TraceLayer::redaction`].
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        Self(self.0.redaction(redaction))
    }

    /// Records these headers of requests; see [`hopline_tower::TraceLayer::request_headers`].
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self(self.0.request_headers(names))
    }

    /// Records these headers of responses; see [`hopline_tower::TraceLayer::response_headers`].
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self(self.0.response_headers(names))
    }

    /// Records only requests for which this is true; see [`hopline_tower::TraceLayer::filter`].
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.filter(filter))
    }

    /// Adds to the spans of requests, when they begin; see [`hopline_tower::TraceLayer::on_request`].
    #[must_use]
    pub fn on_request(
        self,
        hook: impl Fn(&Context, &request::Parts) + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.on_request(hook))
    }

    /// Adds to the spans of requests, when the answer's head is there; see [`hopline_tower::TraceLayer::on_response`].
    #[must_use]
    pub fn on_response(
        self,
        hook: impl Fn(&Context, &response::Parts) + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.on_response(hook))
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
        self.0.layer(inner)
    }
}

pub(crate) fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

/// The URI before a nest removes its prefix, which axum keeps in an extension.
fn original<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    extensions
        .get::<OriginalUri>()
        .map_or(uri, |original| &original.0)
}

/// Where axum leaves the address of the connection's other end.
fn connected(extensions: &Extensions) -> Option<SocketAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0)
}

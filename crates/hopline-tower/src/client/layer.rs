//! The layer for clients.

use std::borrow::Cow;
use std::sync::Arc;

use hopline_core::Span;
use hopline_http::Host;
use hopline_http::client::{Call, CallBody, ClientSpans, ResponseInfo};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, Request, Response, Uri};
use http_body::Body;
use tower_layer::Layer;

use super::service::TraceClient;
use crate::scope::SCOPE;
use crate::server::PeerFn;

/// Records each call of a client as a client span and sends the trace headers: around hyper's clients, tonic's channels,
/// and any other tower service of HTTP.
///
/// Spans and headers are those of [hopline-reqwest](https://docs.rs/hopline-reqwest). A
/// [`UrlTemplate`](crate::UrlTemplate), a [`ResendCount`](crate::ResendCount), a
/// [`CallerContext`](crate::CallerContext) and an [`Untraced`](crate::Untraced) in a request's extensions are used. A
/// gRPC call is named by its method, and its span ends with the trailers.
///
/// # Examples
///
/// ```
/// use hopline_tower::ClientLayer;
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// // in place of a connection
/// let connection = service_fn(|request: Request<String>| async move {
///     assert!(request.headers().contains_key("traceparent"));
///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// });
/// let layer = ClientLayer::new().baggage_to(["*.corp.example"]);
/// # let (tracer, spans) = hopline_testing::tracer("gateway");
/// # let layer = layer.tracer(tracer);
/// let client = ServiceBuilder::new().layer(layer).service(connection);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// client.oneshot(Request::get("http://orders/7").body(String::new()).unwrap()).await.unwrap();
/// # });
/// # hopline_testing::assert_tree(&spans.all(), "GET ▸ gateway  200");
/// ```
///
/// ```text
/// GET ▸ gateway  200
/// ```
#[derive(Clone, Debug)]
pub struct ClientLayer {
    spans: ClientSpans,
    peer: PeerFn,
    origin: Option<Uri>,
}

hopline_http::client_options!(ClientLayer, spans, "hopline_tower::ClientLayer::new()");
hopline_http::client_host_options!(ClientLayer, spans, "hopline_tower::ClientLayer::new()");

impl ClientLayer {
    /// Creates a layer with the options of the environment.
    pub fn new() -> Self {
        Self {
            spans: ClientSpans::new(&SCOPE),
            peer: |extensions| extensions.get().copied(),
            origin: None,
        }
    }

    /// Finds the address of the connection's peer in a response's extensions by this function. Defaults to a
    /// [`SocketAddr`](std::net::SocketAddr) there; hyper-util's client leaves an `HttpInfo`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::ClientLayer;
    /// use hyper_util::client::legacy::connect::HttpInfo;
    ///
    /// let layer = ClientLayer::new().peer(|extensions| extensions.get().map(HttpInfo::remote_addr));
    /// ```
    #[must_use]
    pub fn peer(mut self, peer: PeerFn) -> Self {
        self.peer = peer;
        self
    }

    /// Sets the server's origin, for clients whose requests have no authority: those of tonic.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_tower::ClientLayer;
    ///
    /// let layer = ClientLayer::new().origin("http://orders:50051".parse()?);
    /// # Ok::<(), http::uri::InvalidUri>(())
    /// ```
    #[must_use]
    pub fn origin(mut self, origin: Uri) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn start<Q>(&self, request: &Request<Q>) -> Span {
        let (uri, headers) = (request.uri(), request.headers());
        let host = self.host(uri, headers);
        let scheme = uri.scheme().or_else(|| self.origin.as_ref()?.scheme());
        let default_port = || match scheme {
            Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
            _ => Some(80),
        };
        let call = Call {
            method: request.method(),
            version: request.version(),
            host: host.map_or("", |host| host.address),
            port: host.and_then(|host| host.port).or_else(default_port),
            path: uri.path(),
            headers,
            extensions: request.extensions(),
        };
        self.spans
            .start(&call, || full_url(uri, scheme, host).into())
    }

    /// Writes the trace headers. Returns true if the host's announcement of a kept trace is followed.
    pub(crate) fn inject<Q>(&self, span: &Span, request: &mut Request<Q>) -> bool {
        // taken out, so that the host can be borrowed from the request while they are written
        let mut headers = std::mem::take(request.headers_mut());
        let uri = request.uri();
        let host = match uri.authority() {
            Some(authority) => {
                Cow::Borrowed(Host::parse(authority.as_str()).map_or("", |host| host.address))
            }
            None => self.host(uri, &headers).map_or(Cow::Borrowed(""), |host| {
                Cow::Owned(host.address.to_owned())
            }),
        };
        self.spans.inject(span.context_ref(), &host, &mut headers);
        let keeps_with = self.spans.keeps_with(&host);
        *request.headers_mut() = headers;
        keeps_with
    }

    /// Records the response, and moves the span into its body if it ends there.
    pub(crate) fn finish<B: Body>(
        &self,
        span: Span,
        keeps_with: bool,
        response: Response<B>,
    ) -> Response<CallBody<B>> {
        let info = ResponseInfo {
            status: response.status(),
            version: response.version(),
            peer: (self.peer)(response.extensions()),
            keeps_with,
            headers: response.headers(),
        };
        self.spans.record_response(&span, &info);
        if self.spans.ends_with_body(&span, &info) {
            response.map(|body| CallBody::with_span(body, span, |_| "body"))
        } else {
            response.map(CallBody::new)
        }
    }

    /// Returns the server: of the URI, else of the `Host` header, which connections to one host use, else of the origin.
    fn host<'a>(&'a self, uri: &'a Uri, headers: &'a HeaderMap) -> Option<Host<'a>> {
        let authority = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(HOST)?.to_str().ok())
            .or_else(|| Some(self.origin.as_ref()?.authority()?.as_str()));
        Host::parse(authority?)
    }
}

impl Default for ClientLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = TraceClient<S>;

    fn layer(&self, inner: S) -> TraceClient<S> {
        TraceClient::new(inner, Arc::new(self.clone()))
    }
}

/// Returns the URL, completed by the host if the URI has none.
fn full_url(uri: &Uri, scheme: Option<&Scheme>, host: Option<Host<'_>>) -> String {
    match (uri.authority(), host) {
        (None, Some(host)) => {
            let scheme = scheme.map_or("http", Scheme::as_str);
            let is_v6 = host.address.contains(':');
            let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
            let port = host.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{open}{}{close}{port}{uri}", host.address)
        }
        _ => uri.to_string(),
    }
}

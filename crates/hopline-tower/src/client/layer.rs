//! The layer for clients.

use std::sync::Arc;

use http::Uri;
use tower_layer::Layer;

use super::service::TraceClient;
use super::settings::Settings;
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
    settings: Settings,
}

hopline_http::client_options!(ClientLayer, settings, "hopline_tower::ClientLayer::new()");
hopline_http::client_host_options!(ClientLayer, settings, "hopline_tower::ClientLayer::new()");

impl ClientLayer {
    /// Creates a layer with the options of the environment.
    pub fn new() -> Self {
        Self {
            settings: Settings::from_env(),
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
        self.settings.peer = peer;
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
        self.settings.origin = Some(origin);
        self
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
        TraceClient::new(inner, Arc::new(self.settings.clone()))
    }
}

//! Optional behaviour of the server layer.
//!
//! [`ServerLayer`](super::ServerLayer) sets the options; the service, the start of the span and the response read them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hopline_core::{Context, Trust};
use hopline_http::{HeaderCapture, Redaction};
use http::{Extensions, HeaderMap, Method, Uri, request, response};

use super::framework::{PeerFn, RouteFn, SchemeFn, UriFn};

/// The functions of an application. They are called on the threads of the server, and may be shared by layers.
type TrustFn = dyn Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync;
type Filter = dyn Fn(&Method, &Uri) -> bool + Send + Sync;
type Proxies = dyn Fn(IpAddr) -> bool + Send + Sync;
pub(crate) type OnRequest = dyn Fn(&Context, &request::Parts) + Send + Sync;
type OnResponse = dyn Fn(&Context, &response::Parts) + Send + Sync;

/// Options that few layers set. They are behind one pointer, so that a layer without them is small and cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Replaces the framework's route.
    pub(crate) route: Option<RouteFn>,
    /// Replaces the framework's original URI.
    pub(crate) original_uri: Option<UriFn>,
    /// Replaces the framework's peer.
    pub(crate) peer: Option<PeerFn>,
    /// Decides about trust by request; replaces the layer's [`Trust`].
    pub(crate) trust: Option<Arc<TrustFn>>,
    /// Returns false for requests that are not recorded.
    pub(crate) filter: Option<Arc<Filter>>,
    /// Returns true for peers whose `Forwarded` headers are used.
    pub(crate) proxies: Option<Arc<Proxies>>,
    /// The scheme of connections, if the service terminates TLS.
    pub(crate) scheme: Option<SchemeFn>,
    /// Redaction of URLs and headers.
    pub(crate) redaction: Redaction,
    /// Request headers to record.
    pub(crate) request_headers: HeaderCapture,
    /// Response headers to record.
    pub(crate) response_headers: HeaderCapture,
    /// Counts the requests that are being served.
    pub(crate) active_requests: bool,
    /// Measures the sizes of bodies.
    pub(crate) body_sizes: bool,
    /// Hook for the head of the request.
    pub(crate) on_request: Option<Arc<OnRequest>>,
    /// Hook for the head of the response.
    pub(crate) on_response: Option<Arc<OnResponse>>,
}

impl Options {
    /// Reads the operator's lists of headers. Returns none if they are empty.
    pub(crate) fn from_env() -> Option<Arc<Self>> {
        let options = Self {
            request_headers: HeaderCapture::from_server_requests([]),
            response_headers: HeaderCapture::from_server_responses([]),
            ..Self::default()
        };
        let has_headers =
            !(options.request_headers.is_empty() && options.response_headers.is_empty());
        has_headers.then(|| Arc::new(options))
    }

    /// Returns true if an option uses the head of the response.
    pub(crate) fn use_response(&self) -> bool {
        self.on_response.is_some() || !self.response_headers.is_empty()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("Options");
        options
            .field("route", &self.route.is_some())
            .field("original_uri", &self.original_uri.is_some())
            .field("peer", &self.peer.is_some())
            .field("trust_by", &self.trust.is_some())
            .field("filter", &self.filter.is_some())
            .field("trusted_proxies", &self.proxies.is_some())
            .field("scheme", &self.scheme.is_some())
            .field("redaction", &self.redaction)
            .field("request_headers", &self.request_headers)
            .field("response_headers", &self.response_headers)
            .field("active_requests", &self.active_requests)
            .field("body_sizes", &self.body_sizes)
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some());
        options.finish()
    }
}

//! What a layer does for those who ask for it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::uri::SchemeFn;
use hopline_core::{Context, Trust};
use hopline_http::{Capture, Redaction};
use http::{Extensions, HeaderMap, Method, Uri, request, response};

type TrustFn = dyn Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync;
type Filter = dyn Fn(&Method, &Uri) -> bool + Send + Sync;
type Proxies = dyn Fn(IpAddr) -> bool + Send + Sync;
type OnRequest = dyn Fn(&Context, &request::Parts) + Send + Sync;
type OnResponse = dyn Fn(&Context, &response::Parts) + Send + Sync;

/// The options that are rarely used, behind one pointer: a layer without them is cloned for each request by axum,
/// and that costs no count.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) trust: Option<Arc<TrustFn>>,
    pub(crate) filter: Option<Arc<Filter>>,
    pub(crate) proxies: Option<Arc<Proxies>>,
    pub(crate) scheme: Option<SchemeFn>,
    pub(crate) redaction: Redaction,
    pub(crate) request_headers: Capture,
    pub(crate) response_headers: Capture,
    pub(crate) on_request: Option<Arc<OnRequest>>,
    pub(crate) on_response: Option<Arc<OnResponse>>,
}

impl Options {
    /// What the operator wants; none if that is nothing, so that a plain layer is cloned without a count.
    pub(crate) fn from_env() -> Option<Arc<Self>> {
        let options = Self {
            request_headers: Capture::of_server_requests([]),
            response_headers: Capture::of_server_responses([]),
            ..Self::default()
        };
        let wanted = !(options.request_headers.is_empty() && options.response_headers.is_empty());
        wanted.then(|| Arc::new(options))
    }

    /// True if something is to be done when the answer's head is there.
    pub(crate) fn want_response(&self) -> bool {
        self.on_response.is_some() || !self.response_headers.is_empty()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("Options");
        options
            .field("trust_by", &self.trust.is_some())
            .field("filter", &self.filter.is_some())
            .field("trusted_proxies", &self.proxies.is_some())
            .field("scheme", &self.scheme.is_some())
            .field("redaction", &self.redaction)
            .field("request_headers", &self.request_headers)
            .field("response_headers", &self.response_headers)
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some());
        options.finish()
    }
}

//! Settings of the client layer, and the recording of a call by them.
//!
//! The layer holds the settings, the service and its futures share them.

use std::borrow::Cow;

use hopline_core::Span;
use hopline_http::Host;
use hopline_http::client::{Call, CallBody, CallSpan, ClientOptions, ClientSpans, ResponseInfo};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, Request, Response, Uri};
use http_body::Body;

use crate::scope::SCOPE;
use crate::server::PeerFn;

/// The options of spans, and those that only tower's clients need.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    spans: ClientSpans,
    /// Finds the peer in the extensions of a response.
    pub(crate) peer: PeerFn,
    /// The server, for requests that do not name it.
    pub(crate) origin: Option<Uri>,
}

impl Settings {
    /// Reads the defaults from the environment.
    pub(crate) fn from_env() -> Self {
        Self {
            spans: ClientSpans::new(&SCOPE),
            peer: |extensions| extensions.get().copied(),
            origin: None,
        }
    }

    /// The values behind the methods that `client_options!` generates.
    pub(crate) fn options_mut(&mut self) -> &mut ClientOptions {
        self.spans.options_mut()
    }

    /// Starts the span of a call.
    pub(crate) fn start<Q>(&self, request: &Request<Q>) -> CallSpan {
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
        mut span: CallSpan,
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
        self.spans.record_response(&mut span, &info);
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

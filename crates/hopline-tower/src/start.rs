//! What a request's span starts with.

use std::cell::OnceCell;
use std::net::SocketAddr;

use hopline_core::{Incoming, Kind, Literal, Name, Span, SpanBuilder, SpanContext, attr, semconv};
use hopline_http::{
    Forwarded, Host, IpText, Redaction, RequestMethod, attribute, protocol_version,
};
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, Request, Uri};

use crate::layer::TraceLayer;
use crate::options::Options;

impl TraceLayer {
    pub(crate) fn start<Q>(
        &self,
        request: &Request<Q>,
        method: RequestMethod<'_>,
        route: Option<&str>,
        incoming: Incoming,
        links: &[SpanContext],
    ) -> Span {
        let (sent, uri, headers) = (request.method(), request.uri(), request.headers());
        let builder = match route {
            Some(route) => SpanBuilder::new(Name::dynamic(route)).prefix(method.in_name()),
            None => SpanBuilder::new(method.in_name()),
        };
        let builder = builder.kind(Kind::Server).links(links);
        let builder = builder.method(sent.as_str()).path(uri.path()).route(route);

        let options = self.options.as_deref();
        let redaction = options.map_or(&USUAL, |options| &options.redaction);
        // filled by the closure, if it runs, and outliving what it returns
        let (path, query, asked) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let span = builder.start_root(self.tracer.as_ref(), incoming, || {
            let path: &str = path.get_or_init(|| redaction.path(uri.path()));
            let query: Option<&str> = query
                .get_or_init(|| uri.query().map(|query| redaction.query(query)))
                .as_deref();
            let peer = (self.peer)(request.extensions());
            let asked: &Asked<'_> = asked.get_or_init(|| Asked::new(uri, headers, peer, options));
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_PATH, path),
                attr(attribute::URL_QUERY, query),
                attr(attribute::URL_SCHEME, Literal(asked.scheme)),
                attr(semconv::HTTP_ROUTE, route),
                attr(semconv::SERVER_ADDRESS, asked.host.map(|host| host.address)),
                attr(semconv::SERVER_PORT, asked.host.and_then(|host| host.port)),
                attr(
                    attribute::CLIENT_ADDRESS,
                    asked.client.as_ref().map(IpText::as_str),
                ),
                attr(
                    attribute::PEER_ADDRESS,
                    asked.peer.as_ref().map(IpText::as_str),
                ),
                attr(attribute::PEER_PORT, peer.map(|peer| peer.port())),
                attr(attribute::USER_AGENT, user_agent(headers)),
                attr(
                    attribute::PROTOCOL_VERSION,
                    protocol_version(request.version()).map(Literal),
                ),
            ]
        });
        if !span.is_recording() {
            return span;
        }
        if let Some(options) = options {
            options
                .request_headers
                .record(span.context_ref(), headers, redaction);
        }
        if self.older_names {
            let target = uri
                .path_and_query()
                .map(|target| redaction.url(target.as_str()));
            let asked = asked.get();
            span.set_all(|| {
                [
                    attr(attribute::older::METHOD, sent.as_str()),
                    attr(attribute::older::TARGET, target.as_deref()),
                    attr(
                        attribute::older::SCHEME,
                        asked.map(|asked| Literal(asked.scheme)),
                    ),
                    attr(
                        attribute::older::HOST_NAME,
                        asked.and_then(|asked| Some(asked.host?.address)),
                    ),
                    attr(attribute::older::USER_AGENT, user_agent(headers)),
                ]
            });
        }
        span
    }
}

static USUAL: Redaction = Redaction::USUAL;

/// Who asked whom, and how.
struct Asked<'a> {
    peer: Option<IpText>,
    client: Option<IpText>,
    host: Option<Host<'a>>,
    scheme: &'static str,
}

impl<'a> Asked<'a> {
    fn new(
        uri: &'a Uri,
        headers: &'a HeaderMap,
        peer: Option<SocketAddr>,
        options: Option<&Options>,
    ) -> Self {
        let address = peer.map(|peer| peer.ip().to_canonical());
        let trusted = options.and_then(|options| options.proxies.as_deref());
        let forwarded = match (trusted, address) {
            (Some(trusted), Some(address)) if trusted(address) => Forwarded::read(headers, trusted),
            _ => Forwarded::default(),
        };
        let peer = address.map(IpText::new);
        Self {
            client: forwarded.client.map(IpText::new).or(peer),
            peer,
            host: forwarded.host.or_else(|| host(uri, headers)),
            scheme: forwarded.scheme.unwrap_or_else(|| scheme(uri)),
        }
    }
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Host<'a>> {
    let authority = uri.authority().map(|authority| authority.as_str());
    Host::parse(authority.or_else(|| headers.get(HOST)?.to_str().ok())?)
}

/// A request on a connection that was upgraded to TLS outside says nothing of it.
fn scheme(uri: &Uri) -> &'static str {
    if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
        "https"
    } else {
        "http"
    }
}

fn user_agent(headers: &HeaderMap) -> Option<&str> {
    // no control characters are in a header's value, and words are looked at faster than characters
    str::from_utf8(headers.get(USER_AGENT)?.as_bytes()).ok()
}

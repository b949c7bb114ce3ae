//! What a request's span starts with.

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};

use hopline_core::{Incoming, Kind, Literal, Name, Span, SpanBuilder, attr, semconv};
use hopline_http::{
    Forwarded, Host, IpText, Redaction, RequestMethod, attribute, protocol_version,
};
use http::header::{HOST, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Request, Uri};

use crate::layer::TraceLayer;
use crate::options::Options;

impl TraceLayer {
    pub(crate) fn start<Q>(
        &self,
        request: &Request<Q>,
        uri: &Uri,
        method: RequestMethod<'_>,
        route: Option<&str>,
        incoming: Incoming,
    ) -> Span {
        let (sent, headers) = (request.method(), request.headers());
        let builder = match route {
            Some(route) => SpanBuilder::new(Name::dynamic(route)).prefix(method.in_name()),
            None => SpanBuilder::new(method.in_name()),
        };
        let builder = builder.kind(Kind::Server).scope(self.scope);
        let builder = builder.method(sent.as_str()).path(uri.path()).route(route);

        let options = self.options.as_deref();
        let redaction = options.map_or(&USUAL, |options| &options.redaction);
        // filled by the closure, if it runs, and outliving what it returns
        let (path, query, asked) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let (client, peer) = (OnceCell::new(), OnceCell::new());
        let span = builder
            .tracer(self.tracer.as_ref())
            .parent(incoming)
            .attributes(|| {
                let path: &str = path.get_or_init(|| redaction.path(uri.path()));
                let query: Option<&str> = query
                    .get_or_init(|| uri.query().map(|query| redaction.query(query)))
                    .as_deref();
                let from = (self.peer)(request.extensions());
                let asked: &Asked<'_> = asked.get_or_init(|| {
                    let scheme = options.and_then(|options| options.scheme?(request.extensions()));
                    Asked::new(uri, headers, from, scheme.as_ref(), options)
                });
                [
                    attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                    attr(attribute::METHOD_ORIGINAL, method.original()),
                    attr(attribute::URL_PATH, path),
                    attr(attribute::URL_QUERY, query),
                    attr(attribute::URL_SCHEME, Literal(asked.scheme)),
                    attr(semconv::HTTP_ROUTE, route),
                    attr(semconv::SERVER_ADDRESS, asked.host.map(|host| host.address)),
                    attr(semconv::SERVER_PORT, asked.host.and_then(|host| host.port)),
                    attr(attribute::CLIENT_ADDRESS, text_in(&client, asked.client)),
                    attr(
                        attribute::PEER_ADDRESS,
                        text_in(&peer, from.map(|from| from.ip())),
                    ),
                    attr(attribute::PEER_PORT, from.map(|from| from.port())),
                    attr(attribute::USER_AGENT, text(headers, USER_AGENT)),
                    attr(
                        attribute::PROTOCOL_VERSION,
                        protocol_version(request.version()).map(Literal),
                    ),
                ]
            })
            .start();
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
                    attr(attribute::older::USER_AGENT, text(headers, USER_AGENT)),
                ]
            });
        }
        span
    }
}

static USUAL: Redaction = Redaction::USUAL;

/// Who asked whom, and how.
struct Asked<'a> {
    client: Option<IpAddr>,
    host: Option<Host<'a>>,
    scheme: &'static str,
}

impl<'a> Asked<'a> {
    fn new(
        uri: &'a Uri,
        headers: &'a HeaderMap,
        peer: Option<SocketAddr>,
        found: Option<&Scheme>,
        options: Option<&Options>,
    ) -> Self {
        let address = peer.map(|peer| peer.ip().to_canonical());
        let trusted = options.and_then(|options| options.proxies.as_deref());
        let forwarded = match (trusted, address) {
            (Some(trusted), Some(address)) if trusted(address) => Forwarded::read(headers, trusted),
            _ => Forwarded::default(),
        };
        Self {
            client: forwarded.client.or(address),
            host: forwarded.host.or_else(|| host(uri, headers)),
            scheme: forwarded
                .scheme
                .unwrap_or_else(|| scheme(found.or(uri.scheme()))),
        }
    }
}

/// An address's text, kept where attributes may point to.
fn text_in(place: &OnceCell<IpText>, address: Option<IpAddr>) -> Option<&str> {
    let address = address?;
    Some(place.get_or_init(|| IpText::new(address)).as_str())
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Host<'a>> {
    let authority = uri.authority().map(|authority| authority.as_str());
    Host::parse(authority.or_else(|| text(headers, HOST))?)
}

/// Requests of HTTP/1.1 do not name it.
fn scheme(scheme: Option<&Scheme>) -> &'static str {
    if scheme == Some(&Scheme::HTTPS) {
        "https"
    } else {
        "http"
    }
}

/// ASCII only: beyond it there are control characters that terminals obey. Those of ASCII are in no header's value. (As
/// `HeaderValue::to_str`, which looks at one character after the other.)
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?.as_bytes();
    str::from_utf8(value).ok().filter(|_| value.is_ascii())
}

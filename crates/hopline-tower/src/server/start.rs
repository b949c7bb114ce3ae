//! The start of a request's span: its name, and the attributes that are known from the request.
//!
//! Method, path and route are set on the builder, where a sampler sees them. The closure for attributes runs only if the trace
//! is recorded; texts that are built for them live in cells of the caller's frame.

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};

use hopline_core::{Incoming, Literal, Name, Span, SpanBuilder, SpanKind, attr, semconv};
use hopline_http::attribute::{self, protocol_version};
use hopline_http::server::Forwarded;
use hopline_http::{Host, IpText, Redaction, RequestMethod};
use http::header::{HOST, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Request, Uri};

use super::framework::Framework;
use super::options::Options;
use super::settings::Settings;

static REDACTION: Redaction = Redaction::USUAL;

/// Starts the span. `uri` is the original one; `route` is none if it is not known yet.
pub(crate) fn span<F: Framework, Q>(
    settings: &Settings<F>,
    request: &Request<Q>,
    uri: &Uri,
    method: RequestMethod<'_>,
    route: Option<&str>,
    incoming: Incoming,
) -> Span {
    let headers = request.headers();
    let options = settings.options();
    let redaction = options.map_or(&REDACTION, |options| &options.redaction);
    let builder = match route {
        Some(route) => SpanBuilder::new(Name::dynamic(route)).prefix(method.in_name()),
        None => SpanBuilder::new(method.in_name()),
    };
    let builder = builder.kind(SpanKind::Server).scope(F::scope());
    let sent = request.method().as_str();
    let builder = builder.method(sent).path(uri.path()).route(route);
    // the closure fills the cells if it runs; the attributes that it returns borrow from them
    let (path, query, endpoints) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
    let (client, peer) = (OnceCell::new(), OnceCell::new());
    let span = builder
        .tracer(settings.tracer.as_ref())
        .parent(incoming)
        .attributes(|| {
            let path: &str = path.get_or_init(|| redaction.path(uri.path()));
            let query: Option<&str> = query
                .get_or_init(|| uri.query().map(|query| redaction.query(query)))
                .as_deref();
            let from = settings.peer(request.extensions());
            let endpoints: &Endpoints<'_> = endpoints.get_or_init(|| {
                let scheme = options.and_then(|options| options.scheme?(request.extensions()));
                Endpoints::new(uri, headers, from, scheme.as_ref(), options)
            });
            let host = endpoints.host;
            let peer_ip = from.map(|from| from.ip());
            let version = protocol_version(request.version());
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_PATH, path),
                attr(attribute::URL_QUERY, query),
                attr(attribute::URL_SCHEME, Literal(endpoints.scheme)),
                attr(semconv::HTTP_ROUTE, route),
                attr(semconv::SERVER_ADDRESS, host.map(|host| host.address)),
                attr(semconv::SERVER_PORT, host.and_then(|host| host.port)),
                attr(
                    attribute::CLIENT_ADDRESS,
                    text_in(&client, endpoints.client),
                ),
                attr(attribute::PEER_ADDRESS, text_in(&peer, peer_ip)),
                attr(attribute::PEER_PORT, from.map(|from| from.port())),
                attr(attribute::USER_AGENT, text(headers, USER_AGENT)),
                attr(attribute::PROTOCOL_VERSION, version.map(Literal)),
            ]
        })
        .start();
    if span.is_recording() {
        if let Some(options) = options {
            let context = span.context_ref();
            options.request_headers.record(context, headers, redaction);
        }
        if settings.older_names {
            record_older_names(&span, request, uri, redaction, endpoints.get());
        }
    }
    span
}

/// Returns the scheme of a request, as its span has it.
pub(crate) fn scheme<F: Framework, Q>(
    settings: &Settings<F>,
    request: &Request<Q>,
    uri: &Uri,
) -> &'static str {
    let (extensions, options) = (request.extensions(), settings.options());
    let scheme = options.and_then(|options| options.scheme?(extensions));
    // without proxies no header decides, and none is read: a host costs as much as the rest of a request's metrics
    let behind_proxies = options.filter(|options| options.proxies.is_some());
    let sent = behind_proxies.and_then(|options| {
        let peer = settings.peer(extensions)?.ip().to_canonical();
        forwarded(request.headers(), Some(peer), Some(options)).scheme
    });
    sent.unwrap_or_else(|| scheme_text(scheme.as_ref().or(uri.scheme())))
}

#[cold]
fn record_older_names<Q>(
    span: &Span,
    request: &Request<Q>,
    uri: &Uri,
    redaction: &Redaction,
    endpoints: Option<&Endpoints<'_>>,
) {
    let target = uri.path_and_query();
    let target = target.map(|target| redaction.url(target.as_str()));
    let scheme = endpoints.map(|endpoints| Literal(endpoints.scheme));
    let host = endpoints.and_then(|endpoints| endpoints.host);
    span.set_all(|| {
        [
            attr(attribute::older::METHOD, request.method().as_str()),
            attr(attribute::older::TARGET, target.as_deref()),
            attr(attribute::older::SCHEME, scheme),
            attr(attribute::older::HOST_NAME, host.map(|host| host.address)),
            attr(
                attribute::older::USER_AGENT,
                text(request.headers(), USER_AGENT),
            ),
        ]
    });
}

/// The two ends of a request, and the scheme between them.
struct Endpoints<'a> {
    client: Option<IpAddr>,
    host: Option<Host<'a>>,
    scheme: &'static str,
}

impl<'a> Endpoints<'a> {
    /// Reads them from the headers of trusted proxies, else from the request. `scheme` is the server's.
    fn new(
        uri: &'a Uri,
        headers: &'a HeaderMap,
        peer: Option<SocketAddr>,
        scheme: Option<&Scheme>,
        options: Option<&Options>,
    ) -> Self {
        let address = peer.map(|peer| peer.ip().to_canonical());
        let forwarded = forwarded(headers, address, options);
        Self {
            client: forwarded.client.or(address),
            host: forwarded.host.or_else(|| host(uri, headers)),
            scheme: forwarded
                .scheme
                .unwrap_or_else(|| scheme_text(scheme.or(uri.scheme()))),
        }
    }
}

/// Reads the headers of trusted proxies. Empty if the peer is not one.
fn forwarded<'a>(
    headers: &'a HeaderMap,
    peer: Option<IpAddr>,
    options: Option<&Options>,
) -> Forwarded<'a> {
    let trusted = options.and_then(|options| options.proxies.as_deref());
    match (trusted, peer) {
        (Some(trusted), Some(peer)) if trusted(peer) => Forwarded::read(headers, trusted),
        _ => Forwarded::default(),
    }
}

/// Formats an address into a cell that attributes can borrow from.
fn text_in(place: &OnceCell<IpText>, address: Option<IpAddr>) -> Option<&str> {
    let address = address?;
    Some(place.get_or_init(|| IpText::new(address)).as_str())
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Host<'a>> {
    let authority = uri.authority().map(|authority| authority.as_str());
    Host::parse(authority.or_else(|| text(headers, HOST))?)
}

/// Returns `http` for requests without a scheme: those of HTTP/1.1 have none.
fn scheme_text(scheme: Option<&Scheme>) -> &'static str {
    if scheme == Some(&Scheme::HTTPS) {
        "https"
    } else {
        "http"
    }
}

/// Returns a header's value if it is ASCII: beyond ASCII there are control characters that terminals obey. Faster than
/// `HeaderValue::to_str`, which checks byte by byte; header values hold no ASCII control characters.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?.as_bytes();
    str::from_utf8(value).ok().filter(|_| value.is_ascii())
}

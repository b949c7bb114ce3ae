//! The service.

use std::cell::OnceCell;
use std::task::{Context as Cx, Poll};

use hopline_core::{Incoming, Kind, Literal, Name, Span, SpanBuilder, SpanContext, attr, semconv};
use hopline_http::{
    HeaderExtractor, Host, RequestMethod, SpanName, attribute, protocol_version, redact_query,
};
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::future::ResponseFuture;
use crate::layer::TraceLayer;
use crate::root::Root;
use crate::route::RouteCell;
use crate::trust::Trust;

/// Records each request that goes through it. See the [crate](crate).
#[derive(Clone, Debug)]
pub struct Trace<S> {
    pub(crate) inner: S,
    pub(crate) layer: TraceLayer,
}

/// Marks a request as recorded, so that a layer further inside does not record it again. Of no size: it costs no box.
#[derive(Clone, Copy, Debug)]
struct Recorded;

impl<S, Q, B> Service<Request<Q>> for Trace<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let Some(mut root) = self.layer.root(&mut request) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        // the inner `call` may do work, and panic, before it returns its future
        let inner = root.in_scope(|| self.inner.call(request));
        ResponseFuture::new(inner, Some(root))
    }
}

impl TraceLayer {
    /// The request's span; none if a layer outside has made one already.
    fn root<Q>(&self, request: &mut Request<Q>) -> Option<Root> {
        let route = self.route.and_then(|route| route(request.extensions()));
        if request.extensions().get::<Recorded>().is_some() {
            if let Some(route) = route {
                RouteCell::fill(request.extensions(), route);
            }
            return None;
        }
        let method = RequestMethod::new(request.method());
        let mut incoming = Incoming::extract(&HeaderExtractor(request.headers()));
        // a caller that is not trusted brings nothing, also where the request is not recorded
        let link = match self.trust.request(request.headers(), request.extensions()) {
            Trust::Continue => None,
            Trust::Link => std::mem::take(&mut incoming).parent,
            Trust::Restart => {
                incoming = Incoming::default();
                None
            }
        };
        let wanted = self
            .filter
            .as_ref()
            .is_none_or(|filter| filter(request.method(), request.uri()));
        let span = if wanted {
            self.start(request, method, route, incoming, link.as_slice())
        } else {
            Span::unrecorded(incoming)
        };
        let (in_name, head_only) = (method.in_name(), request.method() == Method::HEAD);
        let cell = (span.is_recording() && route.is_none()).then(RouteCell::default);
        let extensions = request.extensions_mut();
        extensions.insert(Recorded);
        if let Some(cell) = &cell {
            extensions.insert(cell.clone());
        }
        Some(Root {
            span: Some(span),
            method: in_name,
            head_only,
            older_names: self.older_names.http,
            announce_kept: self.announce_kept,
            cell,
        })
    }

    fn start<Q>(
        &self,
        request: &Request<Q>,
        method: RequestMethod<'_>,
        route: Option<&str>,
        incoming: Incoming,
        links: &[SpanContext],
    ) -> Span {
        let (sent, uri) = (request.method(), request.uri());
        let name = SpanName::new(method.in_name(), route);
        let builder = SpanBuilder::new(Name::dynamic(name.as_str()))
            .kind(Kind::Server)
            .links(links);
        let builder = builder.method(sent.as_str()).path(uri.path()).route(route);

        let headers = request.headers();
        // filled by the closure, if it runs, and outliving what it returns
        let query = OnceCell::new();
        let span = builder.start_root(self.tracer.as_ref(), incoming, || {
            let query: Option<&str> = query
                .get_or_init(|| uri.query().map(redact_query))
                .as_deref();
            let host = host(uri, headers);
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_PATH, uri.path()),
                attr(attribute::URL_QUERY, query),
                attr(attribute::URL_SCHEME, Literal(scheme(uri))),
                attr(semconv::HTTP_ROUTE, route),
                attr(semconv::SERVER_ADDRESS, host.map(|host| host.address)),
                attr(semconv::SERVER_PORT, host.and_then(|host| host.port)),
                attr(attribute::USER_AGENT, user_agent(headers)),
                attr(
                    attribute::PROTOCOL_VERSION,
                    protocol_version(request.version()).map(Literal),
                ),
            ]
        });
        if self.older_names.http && span.is_recording() {
            let target = uri
                .path_and_query()
                .map(|target| hopline_http::redact_url(target.as_str()));
            older_names(&span, sent, uri, headers, target.as_deref());
        }
        span
    }
}

fn older_names(span: &Span, method: &Method, uri: &Uri, headers: &HeaderMap, target: Option<&str>) {
    span.set_all(|| {
        [
            attr(attribute::older::METHOD, method.as_str()),
            attr(attribute::older::TARGET, target),
            attr(attribute::older::SCHEME, Literal(scheme(uri))),
            attr(
                attribute::older::HOST_NAME,
                host(uri, headers).map(|host| host.address),
            ),
            attr(attribute::older::USER_AGENT, user_agent(headers)),
        ]
    });
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
    headers.get(USER_AGENT)?.to_str().ok()
}

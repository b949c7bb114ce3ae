//! The layer for clients.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

use hopline_core::{OlderNames, Span, Tracer};
use hopline_http::client::{Answer, Call, CallBody, ClientSpans, Untraced};
use hopline_http::{Host, Redaction};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Request, Response, Uri};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::SCOPE;
use crate::future::polled_after_ready;
use crate::peer::{PeerFn, plain_peer};

/// Records each call of a client as a client span and sends its context along: for hyper's clients, tonic's
/// channels and any other service of HTTP.
///
/// What is recorded, and which headers go where, is as with [hopline-reqwest](https://docs.rs/hopline-reqwest). A
/// [`UrlTemplate`](crate::UrlTemplate), a [`ResendCount`](crate::ResendCount) and [`Untraced`] are heard in a
/// request's extensions. A call of gRPC is named by its method, and its span ends with the trailers.
///
/// # Examples
///
/// ```
/// use hopline_tower::ClientLayer;
/// use tower::{ServiceBuilder, service_fn};
/// # use std::convert::Infallible;
/// # let connection = service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, Infallible>(http::Response::new(String::new()))
/// # });
///
/// let client = ServiceBuilder::new()
///     .layer(ClientLayer::new().baggage_to(["*.corp.example"]))
///     .service(connection);
/// # fn is<S: tower::Service<http::Request<String>>>(_: S) {} is(client);
/// ```
#[derive(Clone, Debug)]
pub struct ClientLayer {
    spans: ClientSpans,
    peer: PeerFn,
    origin: Option<Uri>,
}

impl ClientLayer {
    /// Records with the tracer of whatever is current, else with the installed one.
    pub fn new() -> Self {
        Self {
            spans: ClientSpans::new(&SCOPE),
            peer: plain_peer,
            origin: None,
        }
    }

    /// Records with this tracer.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|spans| spans.tracer(tracer))
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|spans| spans.older_names(names))
    }

    /// Sends baggage to these hosts as well. `*.corp.example` means all below, `*` all hosts; a scheme, port or path is
    /// ignored.
    #[must_use]
    pub fn baggage_to<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(|spans| spans.baggage_to(hosts))
    }

    /// Sends no trace headers and no baggage to these hosts. `*.partner.example` means all below, `*` all hosts; a
    /// scheme, port or path is ignored.
    #[must_use]
    pub fn no_headers_to<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(|spans| spans.no_headers_to(hosts))
    }

    /// Keeps the caller's part of a trace, too, when one of these hosts says that it keeps its part.
    #[must_use]
    pub fn keep_with<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(|spans| spans.keep_with(hosts))
    }

    /// What of URLs is not recorded, instead of [what usually is not](Redaction).
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.with(|spans| spans.redaction(redaction))
    }

    /// Records these headers of requests; credentials stay redacted.
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|spans| spans.request_headers(names))
    }

    /// Records these headers of responses; credentials stay redacted.
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|spans| spans.response_headers(names))
    }

    /// Spans end with the last byte of the answer's body instead of its head, and fail if the body does.
    #[must_use]
    pub fn until_body_end(self) -> Self {
        self.with(ClientSpans::until_body_end)
    }

    /// Finds the address of the connection's other end in an answer's extensions; without this, a plain
    /// [`SocketAddr`](std::net::SocketAddr) there. With hyper-util's client it is in its `HttpInfo`.
    #[must_use]
    pub fn peer(mut self, peer: PeerFn) -> Self {
        self.peer = peer;
        self
    }

    /// Whom the connection leads to, such as `http://orders:50051`, where requests do not say it: those that a client
    /// made of tonic sends through its channel.
    #[must_use]
    pub fn origin(mut self, origin: Uri) -> Self {
        self.origin = Some(origin);
        self
    }

    fn with(mut self, change: impl FnOnce(ClientSpans) -> ClientSpans) -> Self {
        self.spans = change(self.spans);
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
        TraceClient {
            inner,
            layer: Arc::new(self.clone()),
        }
    }
}

/// Records each call that goes through it; see [`ClientLayer`].
#[derive(Clone, Debug)]
pub struct TraceClient<S> {
    inner: S,
    // shared, so that clones, which clients make for each call, cost one count
    layer: Arc<ClientLayer>,
}

impl<S, Q, B> Service<Request<Q>> for TraceClient<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<CallBody<B>>;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        if request.extensions().get::<Untraced>().is_some() {
            return CallFuture {
                inner: Some(self.inner.call(request)),
                recorded: None,
            };
        }
        let mut span = self.layer.start(&request);
        let heard = self.layer.inject(&span, &mut request);
        let inner = span.in_scope(|| self.inner.call(request));
        CallFuture {
            inner: Some(inner),
            recorded: Some(Recorded {
                layer: self.layer.clone(),
                heard,
                span,
            }),
        }
    }
}

impl ClientLayer {
    fn start<Q>(&self, request: &Request<Q>) -> Span {
        let (uri, headers) = (request.uri(), request.headers());
        let asked = self.asked(uri, headers);
        let scheme = uri.scheme().or_else(|| self.origin.as_ref()?.scheme());
        let implied = || match scheme {
            Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
            _ => Some(80),
        };
        let call = Call {
            method: request.method(),
            version: request.version(),
            host: asked.map_or("", |host| host.address),
            port: asked.and_then(|host| host.port).or_else(implied),
            path: uri.path(),
            headers,
            extensions: request.extensions(),
        };
        self.spans.start(&call, || full(uri, scheme, asked).into())
    }

    /// Who is asked: the URI says it, or the `Host` header where the client was made for one host, or the origin.
    fn asked<'a>(&'a self, uri: &'a Uri, headers: &'a HeaderMap) -> Option<Host<'a>> {
        let said = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(HOST)?.to_str().ok())
            .or_else(|| Some(self.origin.as_ref()?.authority()?.as_str()));
        Host::parse(said?)
    }

    /// Writes the headers; true if what the host says of the trace counts.
    fn inject<Q>(&self, span: &Span, request: &mut Request<Q>) -> bool {
        // out of the request, where the host is read while they are written
        let mut headers = std::mem::take(request.headers_mut());
        let uri = request.uri();
        let host = match uri.authority() {
            Some(authority) => {
                Cow::Borrowed(Host::parse(authority.as_str()).map_or("", |host| host.address))
            }
            None => self.asked(uri, &headers).map_or(Cow::Borrowed(""), |host| {
                Cow::Owned(host.address.to_owned())
            }),
        };
        self.spans.inject(span.context_ref(), &host, &mut headers);
        let heard = self.spans.hears(&host);
        *request.headers_mut() = headers;
        heard
    }
}

/// The URL as a whole, as far as it is known.
fn full(uri: &Uri, scheme: Option<&Scheme>, asked: Option<Host<'_>>) -> String {
    match (uri.authority(), asked) {
        (None, Some(host)) => {
            let scheme = scheme.map_or("http", Scheme::as_str);
            let v6 = host.address.contains(':');
            let (open, close) = if v6 { ("[", "]") } else { ("", "") };
            let port = host.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{open}{}{close}{port}{uri}", host.address)
        }
        _ => uri.to_string(),
    }
}

/// What a call's future knows of its span.
#[derive(Debug)]
struct Recorded {
    layer: Arc<ClientLayer>,
    heard: bool,
    span: Span,
}

pin_project! {
    /// The answer to a call, with the call's context current while it is waited for.
    ///
    /// # Cancellation
    ///
    /// If it is dropped the span ends, without an error: to stop waiting is the caller's right.
    ///
    /// # Panics
    ///
    /// If polled after it was ready, as futures of `async` blocks do.
    #[derive(Debug)]
    pub struct CallFuture<F> {
        #[pin]
        inner: Option<F>,
        recorded: Option<Recorded>,
    }

    impl<F> PinnedDrop for CallFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(recorded) = this.recorded {
                recorded.span.in_scope(|| this.inner.set(None));
            }
        }
    }
}

impl<F, B, E> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CallBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            polled_after_ready()
        };
        let Some(recorded) = this.recorded.as_mut() else {
            return inner
                .poll(cx)
                .map_ok(|response| response.map(CallBody::new));
        };
        let answer = ready!(recorded.span.in_scope(|| inner.poll(cx)));
        recorded.span.in_scope(|| this.inner.set(None));
        let Some(Recorded { layer, heard, span }) = this.recorded.take() else {
            polled_after_ready()
        };
        match answer {
            Ok(response) => Poll::Ready(Ok(layer.answered(span, heard, response))),
            Err(error) => {
                span.fail("request");
                Poll::Ready(Err(error))
            }
        }
    }
}

impl ClientLayer {
    fn answered<B: Body>(
        &self,
        span: Span,
        heard: bool,
        response: Response<B>,
    ) -> Response<CallBody<B>> {
        let answer = Answer {
            status: response.status(),
            version: response.version(),
            peer: (self.peer)(response.extensions()),
            heard,
            headers: response.headers(),
        };
        self.spans.answered(&span, &answer);
        if self.spans.lasts(&span, &answer) {
            response.map(|body| CallBody::with_span(body, span, |_| "body"))
        } else {
            response.map(CallBody::new)
        }
    }
}

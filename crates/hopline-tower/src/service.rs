//! The service.

use std::sync::Arc;
use std::task::{Context as Cx, Poll};

use hopline_core::{
    BAGGAGE, Context, Incoming, Inject, Span, TRACEPARENT, TRACESTATE, Trust, contained,
};
use hopline_http::grpc::{self, is_grpc, is_grpc_web};
use hopline_http::{HeaderExtractor, HeaderInjector, RequestMethod};
use http::{HeaderMap, Method, Request, Response, Version};
use http_body::Body;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::future::ResponseFuture;
use crate::layer::{Tell, TraceLayer};
use crate::root::Root;
use crate::route::RouteCell;
use crate::slot::Slot;

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
        let mut slot = self.layer.root(&mut request);
        let Some(root) = slot.root() else {
            return ResponseFuture::new(self.inner.call(request), slot);
        };
        let options = self.layer.options.as_deref();
        if let Some(hook) = options.and_then(|options| options.on_request.as_deref()) {
            let (mut parts, body) = request.into_parts();
            let own = (self.layer.uri)(&parts.uri, &parts.extensions);
            // the hook sees the request's own URI; the service sees the one that arrived
            let changed = (!std::ptr::eq(own, &parts.uri)).then(|| own.clone());
            let came = changed.map(|own| std::mem::replace(&mut parts.uri, own));
            root.tell(|context| hook(context, &parts));
            if let Some(came) = came {
                parts.uri = came;
            }
            request = Request::from_parts(parts, body);
        }
        // the inner `call` may do work, and panic, before it returns its future
        let inner = root.in_scope(|| self.inner.call(request));
        ResponseFuture::new(inner, slot)
    }
}

impl TraceLayer {
    /// The request's span; none if a layer outside has made one already.
    fn root<Q>(&self, request: &mut Request<Q>) -> Slot {
        let extensions = request.extensions();
        // looked up once, and handed on
        let own = (self.uri)(request.uri(), extensions);
        let route = self.route.and_then(|route| route(own, extensions));
        if extensions.get::<Recorded>().is_some() {
            if let Some(route) = route {
                RouteCell::fill(extensions, route);
            }
            return Slot::default();
        }
        let options = self.options.as_deref();
        let trust = match options.and_then(|options| options.trust.as_deref()) {
            Some(choose) => choose(request.headers(), extensions),
            None => self.trust,
        };
        let incoming = Incoming::extract_with(&HeaderExtractor(request.headers()), trust);
        let filter = options.and_then(|options| options.filter.as_deref());
        let wanted =
            trust != Trust::Ignore && filter.is_none_or(|filter| filter(request.method(), own));
        let method = RequestMethod::new(request.method());
        let span = if wanted {
            self.start(request, own, method, route, incoming)
        } else {
            Span::unrecorded(incoming)
        };
        let recording = span.is_recording();
        // calls are POST, which a look at the header can be spared others by
        let is_grpc = recording
            && request.method() == Method::POST
            && is_call(request.version(), request.headers());
        let cell = (recording && route.is_none()).then(RouteCell::default);
        let slot = Slot::filled(|root| {
            root.span = Some(span);
            root.method = method.in_name();
            root.head_only = request.method() == Method::HEAD;
            root.connect = request.method() == Method::CONNECT;
            root.older_names = self.older_names;
            // an id that this layer has not given is the caller's to tell
            root.tell = if wanted { self.tell } else { Tell::default() };
            root.cell.clone_from(&cell);
            // with its own URI a router has seen the request, and has no route for it
            root.unrouted = self
                .unrouted
                .filter(|_| cell.is_some() && std::ptr::eq(own, request.uri()));
            if is_grpc {
                // the path as it was routed: a nest's prefix is no part of the method
                root.grpc_call(grpc::method(request.uri().path()));
            }
            if let Some(options) = &self.options
                && recording
                && options.want_response()
            {
                root.options = Some(Arc::clone(options));
            }
        });
        if trust != Trust::Continue {
            // a proxy that copies the request's headers, with whatever client, passes none of them on
            let mut headers = HeaderInjector(request.headers_mut());
            for name in [TRACEPARENT, TRACESTATE, BAGGAGE] {
                headers.remove(name);
            }
        }
        let extensions = request.extensions_mut();
        extensions.insert(Recorded);
        if let Some(cell) = cell {
            extensions.insert(cell);
        }
        slot
    }
}

/// True for calls of gRPC, also those that browsers make.
fn is_call(version: Version, headers: &HeaderMap) -> bool {
    is_grpc(version, headers) || is_grpc_web(headers)
}

impl Root {
    /// Runs a hook of the application, if the request is recorded.
    pub(crate) fn tell(&self, hook: impl FnOnce(&Context)) {
        let Some(span) = self.recorded() else { return };
        let effect = || "a hook of a TraceLayer panicked; its request continues".to_owned();
        contained("hook", effect, || hook(span.context_ref()));
    }
}

//! The service that records requests.
//!
//! For each request it decides whether to record it, starts the span, marks the request, and runs the inner service in the
//! span's context.

use std::task::{Context as Cx, Poll};

use hopline_core::metrics::Timer;
use hopline_core::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE};
use hopline_core::{Incoming, Inject, Span, Trust};
use hopline_http::body::{ByteCount, announced_size};
use hopline_http::{HeaderExtractor, HeaderInjector, RequestMethod};
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::ResponseBody;
use super::framework::{Framework, Tower};
use super::future::ResponseFuture;
use super::grpc::is_call;
use super::options::OnRequest;
use super::pooled_span::PooledSpan;
use super::request_span::RequestSpan;
use super::route_cell::RouteCell;
use super::settings::Settings;
use super::start;
use super::trace_headers::TraceHeaders;

/// Records each request that passes through it; made by [`ServerLayer`](super::ServerLayer).
#[derive(Clone, Debug)]
pub struct TraceService<S, F = Tower> {
    inner: S,
    settings: Settings<F>,
}

/// Marks a request as recorded, so that a layer inside does not record it again. Zero-sized: the extension needs no box.
#[derive(Clone, Copy, Debug)]
struct Recorded;

impl<S, F: Framework> TraceService<S, F> {
    /// Wraps a service.
    pub(crate) fn new(inner: S, settings: Settings<F>) -> Self {
        Self { inner, settings }
    }

    /// Starts the request's span. Returns none if a layer outside has done so.
    fn start<Q: 'static>(&self, request: &mut Request<Q>) -> PooledSpan {
        let settings = &self.settings;
        let extensions = request.extensions();
        let uri = settings.original_uri(request.uri(), extensions);
        let route = settings.route(uri, extensions);
        if extensions.get::<Recorded>().is_some() {
            if let Some(route) = route {
                RouteCell::fill(extensions, route);
            }
            return PooledSpan::default();
        }
        let trust = settings.trust(request.headers(), extensions);
        let incoming = Incoming::extract_with(&HeaderExtractor(request.headers()), trust);
        let is_wanted = trust != Trust::Ignore && settings.is_wanted(request.method(), uri);
        let method = RequestMethod::new(request.method());
        let span = match is_wanted {
            true => start::span(settings, request, uri, method, route, incoming),
            false => Span::unrecorded(incoming),
        };
        let is_recording = span.is_recording();
        let timer = Timer::start(settings.tracer.as_ref(), &span);
        // metrics are of all requests, also of those that are not recorded
        let is_observed = is_recording || timer.is_running();
        let is_grpc = is_observed && is_call(request);
        let cell = (is_observed && route.is_none()).then(RouteCell::default);
        // a router that left its original URI has seen the request, and has no route for it
        let is_unrouted = cell.is_some() && std::ptr::eq(uri, request.uri());
        let mut slot = PooledSpan::new(|own| {
            own.span = Some(span);
            own.method = method.in_name();
            own.is_head_method = request.method() == Method::HEAD;
            own.is_connect_method = request.method() == Method::CONNECT;
            own.older_names = settings.older_names;
            // the trace id of a request that is not recorded is the caller's, and is not disclosed
            own.headers = match is_wanted {
                true => settings.headers,
                false => TraceHeaders::default(),
            };
            own.route.clone_from(&cell);
            own.unrouted_notice = F::UNROUTED_NOTICE.filter(|_| is_unrouted);
            if is_grpc {
                own.start_grpc(request.uri().path());
            }
            if is_recording {
                own.options = settings.response_options();
            }
        });
        // here and not in the closure: requests without a meter would pay for a larger one
        if timer.is_running()
            && let Some(own) = slot.get()
        {
            let scheme = start::scheme(settings, request, uri);
            let metrics = own.metrics.get_or_insert_default();
            metrics.start(timer, method, request.version(), scheme, route);
            if settings.counts_active_requests() {
                metrics.count_active();
            }
        }
        if settings.measures_body_sizes() {
            measure_sizes::<F, Q>(&mut slot, request);
        }
        if trust != Trust::Continue {
            remove_trace_headers(request.headers_mut());
        }
        let extensions = request.extensions_mut();
        extensions.insert(Recorded);
        if let Some(cell) = cell {
            extensions.insert(cell);
        }
        slot
    }

    /// Runs the hook for a request.
    fn run_hook<Q>(&self, span: &RequestSpan, hook: &OnRequest, request: Request<Q>) -> Request<Q> {
        let (mut parts, body) = request.into_parts();
        let uri = self.settings.original_uri(&parts.uri, &parts.extensions);
        // the hook gets the original URI; the service gets the one that arrived
        let original = (!std::ptr::eq(uri, &parts.uri)).then(|| uri.clone());
        let arrived = original.map(|uri| std::mem::replace(&mut parts.uri, uri));
        span.run_hook(|context| hook(context, &parts));
        if let Some(arrived) = arrived {
            parts.uri = arrived;
        }
        Request::from_parts(parts, body)
    }
}

impl<S, F, Q, B> Service<Request<Q>> for TraceService<S, F>
where
    S: Service<Request<Q>, Response = Response<B>>,
    F: Framework,
    // static, so that the framework can recognise its own type of body
    Q: 'static,
    B: Body,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Cx<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let mut pooled = self.start(&mut request);
        let Some(span) = pooled.get() else {
            return ResponseFuture::new(self.inner.call(request), pooled);
        };
        // a request is large, so it is moved only if there is a hook
        if let Some(hook) = self.settings.request_hook() {
            request = self.run_hook(span, hook, request);
        }
        // the inner `call` may work, and panic, before it returns its future
        let inner = span.in_scope(|| self.inner.call(request));
        ResponseFuture::new(inner, pooled)
    }
}

/// Counts the bytes of the request's body for its metrics, if it has any: as they pass, else as the head announces them.
#[cold]
fn measure_sizes<F: Framework, Q: 'static>(slot: &mut PooledSpan, request: &mut Request<Q>) {
    let metrics = slot.get().and_then(|span| span.metrics.as_mut());
    let Some(metrics) = metrics.filter(|metrics| metrics.is_running()) else {
        return;
    };
    let count = ByteCount::new();
    F::count_body(request.body_mut(), &count);
    if count.get().is_none()
        && let Some(bytes) = announced_size(request.version(), request.headers())
    {
        count.set(bytes);
    }
    metrics.measure_sizes(count);
}

/// Removes the headers of a caller that is not continued, so that a proxy that copies headers passes none of them on.
fn remove_trace_headers(headers: &mut HeaderMap) {
    let mut headers = HeaderInjector(headers);
    for name in [TRACEPARENT, TRACESTATE, BAGGAGE] {
        headers.remove(name);
    }
}

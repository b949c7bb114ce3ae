//! Metrics of requests: the duration of each, recorded or not, reported when its span ends.

use hopline_core::metrics::{Instrument, Report, Timer};
use hopline_core::{Attr, Literal, Span, Tracer, attr, semconv};
use hopline_http::body::{ByteCount, SIZE_BOUNDS};
use hopline_http::{RequestMethod, attribute};
use http::{StatusCode, Version};

use super::grpc::GrpcCall;

static REQUEST_DURATION: Instrument = Instrument::histogram("http.server.request.duration", "s")
    .description("Duration of HTTP server requests.");

static CALL_DURATION: Instrument = Instrument::histogram("rpc.server.call.duration", "s")
    .description("Duration of RPC server calls.");

static ACTIVE_REQUESTS: Instrument =
    Instrument::up_down_counter("http.server.active_requests", "{request}")
        .description("Requests that are being served.");

static REQUEST_SIZE: Instrument = Instrument::histogram("http.server.request.body.size", "By")
    .description("Size of the bodies of HTTP server requests.")
    .buckets(SIZE_BOUNDS);

static RESPONSE_SIZE: Instrument = Instrument::histogram("http.server.response.body.size", "By")
    .description("Size of the bodies of HTTP server responses.")
    .buckets(SIZE_BOUNDS);

/// The metrics of a request whose tracer has a meter.
#[derive(Debug, Default)]
pub(crate) struct RequestMetrics {
    timer: Timer,
    method: &'static str,
    scheme: &'static str,
    version: Option<&'static str>,
    /// The route's template; empty if there is none. The text's memory is kept for the next request.
    route: String,
    /// The kind of the failure, unless it follows from the status.
    error_type: Option<&'static str>,
    /// The request is counted as active.
    active: Option<Tracer>,
    /// The sizes of the bodies, if they are measured.
    sizes: Option<Sizes>,
}

/// The sizes of the bodies of a request.
#[derive(Debug)]
struct Sizes {
    /// Bytes of the request, which its body may still count.
    request: ByteCount,
    /// Bytes of the response so far. None if another response is sent in its place.
    response: Option<u64>,
}

impl RequestMetrics {
    /// Takes the facts of a request that is timed.
    pub(crate) fn start(
        &mut self,
        timer: Timer,
        method: RequestMethod<'_>,
        version: Version,
        scheme: &'static str,
        route: Option<&str>,
    ) {
        self.timer = timer;
        self.method = method.attribute();
        self.scheme = scheme;
        self.version = attribute::protocol_version(version);
        self.set_route(route.unwrap_or_default());
    }

    /// True if a meter gets the request.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.timer.is_running()
    }

    /// Sets a route that became known late.
    pub(crate) fn set_route(&mut self, route: &str) {
        self.route.clear();
        self.route.push_str(route);
    }

    /// Sets the kind of the failure; the first one counts, as on the span.
    #[inline]
    pub(crate) fn fail(&mut self, error_type: &'static str) {
        self.error_type.get_or_insert(error_type);
    }

    /// Counts the request as active until its end.
    pub(crate) fn count_active(&mut self) {
        if let Some(tracer) = self.timer.tracer().cloned() {
            tracer.measure(&ACTIVE_REQUESTS, 1.0, &self.active_attributes());
            self.active = Some(tracer);
        }
    }

    /// Measures the sizes of the bodies. The request's body has the count.
    pub(crate) fn measure_sizes(&mut self, request: ByteCount) {
        self.sizes = Some(Sizes {
            request,
            response: Some(0),
        });
    }

    /// Counts bytes of the response.
    #[inline]
    pub(crate) fn count_response(&mut self, bytes: impl FnOnce() -> u64) {
        if let Some(response) = self
            .sizes
            .as_mut()
            .and_then(|sizes| sizes.response.as_mut())
        {
            *response += bytes();
        }
    }

    /// Reports no size of the response: a layer outside has replaced it.
    pub(crate) fn forget_response(&mut self) {
        if let Some(sizes) = &mut self.sizes {
            sizes.response = None;
        }
    }

    /// Ends the span with its last attributes, and reports the request.
    #[inline(never)] // so that requests without a meter do not pay for its registers
    pub(crate) fn end<'v, A: AsRef<[Attr<'v>]>>(
        &mut self,
        span: Span,
        attrs: impl FnOnce() -> A,
        status: Option<StatusCode>,
        grpc: &GrpcCall,
    ) {
        let timer = std::mem::take(&mut self.timer);
        timer.stop_with(span, attrs, |report| self.report(report, status, grpc));
        if let Some(tracer) = self.active.take() {
            tracer.measure(&ACTIVE_REQUESTS, -1.0, &self.active_attributes());
        }
    }

    /// Empties it, but for the memory of the route.
    pub(crate) fn recycle(&mut self) {
        let mut route = std::mem::take(&mut self.route);
        route.clear();
        *self = Self {
            route,
            ..Self::default()
        };
    }

    fn report(&self, report: &Report<'_>, status: Option<StatusCode>, grpc: &GrpcCall) {
        if grpc.is_active() {
            let status = grpc.status();
            let failure = status.filter(|status| status.is_server_error());
            let error_type = failure.map(|status| status.name()).or(self.error_type);
            let attributes = [
                attr(attribute::RPC_SYSTEM, Literal("grpc")),
                attr(attribute::RPC_METHOD, grpc.method().unwrap_or("_OTHER")),
                attr(
                    attribute::RPC_STATUS,
                    status.map(|status| Literal(status.name())),
                ),
                attr(semconv::ERROR_TYPE, error_type.map(Literal)),
            ];
            return report.value(&CALL_DURATION, report.seconds(), &attributes);
        }
        let failure = status.filter(|status| status.is_server_error());
        let error_type = self.error_type.or(failure.as_ref().map(StatusCode::as_str));
        let attributes = [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(attribute::URL_SCHEME, Literal(self.scheme)),
            attr(
                semconv::HTTP_ROUTE,
                Some(&*self.route).filter(|route| !route.is_empty()),
            ),
            attr(
                semconv::HTTP_RESPONSE_STATUS_CODE,
                status.map(|status| status.as_u16()),
            ),
            attr(semconv::ERROR_TYPE, error_type),
            attr(attribute::PROTOCOL_VERSION, self.version.map(Literal)),
        ];
        report.value(&REQUEST_DURATION, report.seconds(), &attributes);
        if let Some(sizes) = &self.sizes {
            sizes.report(report, status, &attributes);
        }
    }

    fn active_attributes(&self) -> [Attr<'static>; 2] {
        [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(attribute::URL_SCHEME, Literal(self.scheme)),
        ]
    }
}

impl Sizes {
    fn report(&self, report: &Report<'_>, status: Option<StatusCode>, attributes: &[Attr<'_>]) {
        if let Some(bytes) = self.request.get() {
            report.value(&REQUEST_SIZE, bytes as f64, attributes);
        }
        // without a status there was no response
        if let Some(bytes) = self.response.filter(|_| status.is_some()) {
            report.value(&RESPONSE_SIZE, bytes as f64, attributes);
        }
    }
}

//! Metrics of requests: the duration of each, recorded or not, reported when its span ends.

use hopline_core::metrics::{Instrument, Report, Timer};
use hopline_core::{Literal, Span, Tracer, attr, semconv};
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
    pub(crate) fn count_active(&mut self, tracer: Option<&Tracer>) {
        if let Some(tracer) = tracer.cloned().or_else(|| Tracer::installed().cloned()) {
            tracer.measure(&ACTIVE_REQUESTS, 1.0, &self.active_attributes());
            self.active = Some(tracer);
        }
    }

    /// Ends the span with its last attributes, and reports the request.
    #[inline]
    pub(crate) fn end<'v, A: AsRef<[hopline_core::Attr<'v>]>>(
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
    }

    fn active_attributes(&self) -> [hopline_core::Attr<'static>; 2] {
        [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(attribute::URL_SCHEME, Literal(self.scheme)),
        ]
    }
}

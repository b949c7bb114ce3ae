//! The span of a call together with its metrics: the duration is reported when the span ends, the sizes of the bodies when the
//! response's does.

use std::mem::replace;
use std::ops::{Deref, DerefMut};

use hopline_core::metrics::{Instrument, Report, Timer};
use hopline_core::{Attr, Literal, Span, Tracer, attr, semconv};
use http::{StatusCode, Version};

use super::{Call, ClientOptions};
use crate::attribute::{self, protocol_version};
use crate::body::{ByteCount, SIZE_BOUNDS, announced_size};
use crate::grpc::Status;
use crate::method::RequestMethod;

static REQUEST_DURATION: Instrument = Instrument::histogram("http.client.request.duration", "s")
    .description("Duration of HTTP client requests.");

static CALL_DURATION: Instrument = Instrument::histogram("rpc.client.call.duration", "s")
    .description("Duration of RPC client calls.");

static ACTIVE_REQUESTS: Instrument =
    Instrument::up_down_counter("http.client.active_requests", "{request}")
        .description("Requests that await their response.");

static REQUEST_SIZE: Instrument = Instrument::histogram("http.client.request.body.size", "By")
    .description("Size of the bodies of HTTP client requests.")
    .buckets(SIZE_BOUNDS);

static RESPONSE_SIZE: Instrument = Instrument::histogram("http.client.response.body.size", "By")
    .description("Size of the bodies of HTTP client responses.")
    .buckets(SIZE_BOUNDS);

/// The span of a call. When it is dropped the span ends, and its metrics are reported if the tracer has a
/// [meter](hopline_core::TracerBuilder::meter).
///
/// Dereferences to the [`Span`].
#[derive(Debug)]
pub struct CallSpan {
    span: Span,
    /// None without a meter, and after the report. Boxed, as most services have none: futures and bodies move it.
    metrics: Option<Box<CallMetrics>>,
}

#[derive(Debug)]
struct CallMetrics {
    timer: Timer,
    method: &'static str,
    address: Box<str>,
    port: Option<u16>,
    rpc_method: Option<Box<str>>,
    status: Option<StatusCode>,
    version: Option<&'static str>,
    rpc_status: Option<Status>,
    error_type: Option<&'static str>,
    /// The tracer, if the call is counted as active until its span ends.
    active: Option<Tracer>,
    /// Present with the option for sizes.
    sizes: Option<Sizes>,
}

/// The sizes of a call's bodies.
#[derive(Debug)]
struct Sizes {
    /// For the report, which may follow the end of the span.
    tracer: Tracer,
    /// The count of the request's body, if it is known before or while it is sent.
    request: ByteCount,
    /// Bytes of the response so far.
    response: u64,
}

impl CallSpan {
    pub(super) fn new(
        span: Span,
        options: &ClientOptions,
        call: &Call<'_>,
        rpc_method: Option<&str>,
    ) -> Self {
        let timer = Timer::start(options.tracer.as_ref(), &span);
        let metrics = timer.is_running().then(|| {
            let is_http = rpc_method.is_none();
            let tracer = |wanted: bool| timer.tracer().filter(|_| wanted && is_http).cloned();
            let metrics = CallMetrics {
                active: tracer(options.active_requests),
                sizes: tracer(options.body_sizes).map(|tracer| Sizes::new(tracer, call)),
                timer,
                method: RequestMethod::new(call.method).attribute(),
                address: call.address().unwrap_or_default().into(),
                port: call.port,
                rpc_method: rpc_method.map(Into::into),
                status: None,
                version: None,
                rpc_status: None,
                error_type: None,
            };
            metrics.count_active(1.0);
            Box::new(metrics)
        });
        Self { span, metrics }
    }

    /// Returns the count for the bytes of the request's body, if the size of bodies is measured and the head does not announce
    /// it. Wrap the body in a [`CountedBody`](crate::body::CountedBody), or set the count if the size is known.
    pub fn request_bytes(&self) -> Option<&ByteCount> {
        let sizes = self.metrics.as_ref()?.sizes.as_ref()?;
        Some(&sizes.request).filter(|count| count.get().is_none())
    }

    /// True if the size of the response is measured, so that the response's body must be a [`CallBody`](super::CallBody).
    pub(super) fn counts_response(&self) -> bool {
        self.metrics
            .as_ref()
            .is_some_and(|metrics| metrics.sizes.is_some())
    }

    /// Counts bytes of the response.
    pub(super) fn count_response(&mut self, bytes: u64) {
        let metrics = self.metrics.as_mut();
        if let Some(sizes) = metrics.and_then(|metrics| metrics.sizes.as_mut()) {
            sizes.response += bytes;
        }
    }

    /// Ends the span and reports its duration. The sizes stay to be reported on drop.
    pub(super) fn end(&mut self) {
        let span = replace(&mut self.span, Span::none());
        match &mut self.metrics {
            Some(metrics) => {
                let timer = std::mem::take(&mut metrics.timer);
                metrics.count_active(-1.0);
                metrics.active = None;
                timer.stop(span, |report| metrics.report(report));
            }
            None => drop(span),
        }
    }

    /// Fails the call by an error of low cardinality, on the span and in the metrics.
    pub fn fail(&mut self, error_type: &'static str) {
        self.span.fail(error_type);
        if let Some(metrics) = &mut self.metrics {
            metrics.error_type.get_or_insert(error_type);
        }
    }

    /// True if the call is recorded or measured.
    pub(super) fn is_observed(&self) -> bool {
        self.span.is_recording() || self.metrics.is_some()
    }

    pub(super) fn set_response(&mut self, status: StatusCode, version: Version) {
        if let Some(metrics) = &mut self.metrics {
            metrics.status = Some(status);
            metrics.version = protocol_version(version);
        }
    }

    pub(super) fn set_rpc_status(&mut self, status: Status) {
        if let Some(metrics) = &mut self.metrics {
            metrics.rpc_status = Some(status);
        }
    }
}

impl Deref for CallSpan {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

impl DerefMut for CallSpan {
    fn deref_mut(&mut self) -> &mut Span {
        &mut self.span
    }
}

impl Drop for CallSpan {
    /// Ends the span, also of a call that was cancelled, and reports it.
    fn drop(&mut self) {
        if self.metrics.is_none() {
            return;
        }
        self.end();
        if let Some(metrics) = &self.metrics {
            metrics.report_sizes();
        }
    }
}

impl Sizes {
    fn new(tracer: Tracer, call: &Call<'_>) -> Self {
        let request = ByteCount::new();
        // clients add the length of most bodies after this, so its absence shows nothing
        let announced = announced_size(Version::HTTP_2, call.headers);
        if let Some(bytes) = announced {
            request.set(bytes);
        }
        Self {
            tracer,
            request,
            response: 0,
        }
    }
}

impl CallMetrics {
    fn report(&self, report: &Report<'_>) {
        if let Some(method) = &self.rpc_method {
            let failed = self.rpc_status.filter(|status| status.is_client_error());
            let error_type = self.error_type.or(failed.map(Status::name));
            let attributes = [
                attr(attribute::RPC_SYSTEM, Literal("grpc")),
                attr(attribute::RPC_METHOD, &**method),
                attr(
                    attribute::RPC_STATUS,
                    self.rpc_status.map(|status| Literal(status.name())),
                ),
                attr(semconv::ERROR_TYPE, error_type.map(Literal)),
                attr(semconv::SERVER_ADDRESS, self.address()),
                attr(semconv::SERVER_PORT, self.port),
            ];
            return report.value(&CALL_DURATION, report.seconds(), &attributes);
        }
        let attributes = self.attributes();
        report.value(&REQUEST_DURATION, report.seconds(), &attributes);
    }

    /// Reports the size of the request, if it is known, and that of the response, if there was one.
    fn report_sizes(&self) {
        let Some(sizes) = &self.sizes else { return };
        let attributes = self.attributes();
        if let Some(bytes) = sizes.request.get() {
            sizes
                .tracer
                .measure(&REQUEST_SIZE, bytes as f64, &attributes);
        }
        if self.status.is_some() {
            let bytes = sizes.response as f64;
            sizes.tracer.measure(&RESPONSE_SIZE, bytes, &attributes);
        }
    }

    /// Counts the call as active, or no longer.
    fn count_active(&self, change: f64) {
        let Some(tracer) = &self.active else { return };
        let attributes = [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(semconv::SERVER_ADDRESS, self.address()),
            attr(semconv::SERVER_PORT, self.port),
        ];
        tracer.measure(&ACTIVE_REQUESTS, change, &attributes);
    }

    /// Returns the host of the URL.
    fn address(&self) -> Option<&str> {
        Some(&*self.address).filter(|address| !address.is_empty())
    }

    /// Returns the attributes of an HTTP call's duration and sizes.
    fn attributes(&self) -> [Attr<'_>; 6] {
        let failed = self
            .status
            .as_ref()
            .filter(|status| status.is_client_error() || status.is_server_error());
        let error_type = self.error_type.or(failed.map(StatusCode::as_str));
        [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(
                semconv::HTTP_RESPONSE_STATUS_CODE,
                self.status.map(|status| status.as_u16()),
            ),
            attr(semconv::ERROR_TYPE, error_type),
            attr(semconv::SERVER_ADDRESS, self.address()),
            attr(semconv::SERVER_PORT, self.port),
            attr(attribute::PROTOCOL_VERSION, self.version.map(Literal)),
        ]
    }
}

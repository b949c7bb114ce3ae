//! The span of a call together with its metrics, which end at the same moment.

use std::mem::replace;
use std::ops::{Deref, DerefMut};

use hopline_core::metrics::{Instrument, Report, Timer};
use hopline_core::{Literal, Span, Tracer, attr, semconv};
use http::{StatusCode, Version};

use super::Call;
use crate::attribute::{self, protocol_version};
use crate::grpc::Status;
use crate::method::RequestMethod;

static REQUEST_DURATION: Instrument = Instrument::histogram("http.client.request.duration", "s")
    .description("Duration of HTTP client requests.");

static CALL_DURATION: Instrument = Instrument::histogram("rpc.client.call.duration", "s")
    .description("Duration of RPC client calls.");

/// The span of a call. When it is dropped the span ends, and its duration is reported if the tracer has a
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
}

impl CallSpan {
    pub(super) fn new(
        span: Span,
        tracer: Option<&Tracer>,
        call: &Call<'_>,
        rpc_method: Option<&str>,
    ) -> Self {
        let timer = Timer::start(tracer, &span);
        let metrics = timer.is_running().then(|| {
            Box::new(CallMetrics {
                timer,
                method: RequestMethod::new(call.method).attribute(),
                address: call.address().unwrap_or_default().into(),
                port: call.port,
                rpc_method: rpc_method.map(Into::into),
                status: None,
                version: None,
                rpc_status: None,
                error_type: None,
            })
        });
        Self { span, metrics }
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
        let Some(mut metrics) = self.metrics.take() else {
            return;
        };
        let span = replace(&mut self.span, Span::none());
        let timer = std::mem::take(&mut metrics.timer);
        timer.stop(span, |report| metrics.report(report));
    }
}

impl CallMetrics {
    fn report(&self, report: &Report<'_>) {
        let address = Some(&*self.address).filter(|address| !address.is_empty());
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
                attr(semconv::SERVER_ADDRESS, address),
                attr(semconv::SERVER_PORT, self.port),
            ];
            return report.value(&CALL_DURATION, report.seconds(), &attributes);
        }
        let failed = self
            .status
            .filter(|status| status.is_client_error() || status.is_server_error());
        let error_type = self.error_type.or(failed.as_ref().map(StatusCode::as_str));
        let attributes = [
            attr(semconv::HTTP_REQUEST_METHOD, Literal(self.method)),
            attr(
                semconv::HTTP_RESPONSE_STATUS_CODE,
                self.status.map(|status| status.as_u16()),
            ),
            attr(semconv::ERROR_TYPE, error_type),
            attr(semconv::SERVER_ADDRESS, address),
            attr(semconv::SERVER_PORT, self.port),
            attr(attribute::PROTOCOL_VERSION, self.version.map(Literal)),
        ];
        report.value(&REQUEST_DURATION, report.seconds(), &attributes);
    }
}

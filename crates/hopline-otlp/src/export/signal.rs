//! The signals of OTLP that are exported: their paths and variables.
//!
//! Settings, transports and variables ask it; the rest is the same for both.

/// A signal of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Finished spans, sent when a batch is full or its time has come.
    Traces,
    /// Values of instruments, sent once in each interval.
    Metrics,
}

impl Signal {
    /// The path below a base URL: `OTEL_EXPORTER_OTLP_ENDPOINT` names the base, the variable of a signal the whole URL
    /// (OpenTelemetry protocol exporter, "Endpoint URLs for OTLP/HTTP").
    pub(super) fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The path of the method that exports it.
    #[cfg(feature = "grpc")]
    pub(super) fn grpc_method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    /// The prefix of its variables, which have precedence over those for all signals.
    pub(super) fn variables(self) -> &'static str {
        match self {
            Self::Traces => "OTEL_EXPORTER_OTLP_TRACES_",
            Self::Metrics => "OTEL_EXPORTER_OTLP_METRICS_",
        }
    }
}

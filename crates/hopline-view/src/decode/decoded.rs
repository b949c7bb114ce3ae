//! The result of decoding.
//! `json` and `protobuf` fill it; the store takes it.

use hopline_core::export::SpanData;

use crate::LogData;

/// Spans and log records of a request or a file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// Spans, in the order in which they were written.
    pub spans: Vec<SpanData>,
    /// Log records, in the order in which they were written.
    pub logs: Vec<LogData>,
    /// The number of metrics, which are counted only.
    pub metrics: u64,
}

/// The content of an OTLP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `ExportTraceServiceRequest`.
    Traces,
    /// `ExportLogsServiceRequest`.
    Logs,
    /// `ExportMetricsServiceRequest`.
    Metrics,
}

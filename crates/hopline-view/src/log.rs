//! A log record, decoded.
//! The decoders make it, the store interns it, and the OTLP export writes it.

use std::sync::Arc;

use hopline_core::export::OwnedValue;
use hopline_core::{Resource, SpanId, TraceId};

/// A log record of a service, with the ids of the span that it belongs to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogData {
    /// Time of the event, or of its observation, in nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// Severity, 1 (trace) to 24 (fatal); 0 if unknown.
    pub severity: u8,
    /// Severity as the source names it, such as `INFO`.
    pub severity_text: String,
    /// Message, or a structured body as text.
    pub body: String,
    /// The trace, if the record belongs to one.
    pub trace_id: Option<TraceId>,
    /// The span, if the record belongs to one.
    pub span_id: Option<SpanId>,
    /// Attributes of the record.
    pub attributes: Vec<(String, OwnedValue)>,
    /// The service that wrote it.
    pub resource: Arc<Resource>,
}

impl Default for LogData {
    /// An empty record of an unknown service.
    fn default() -> Self {
        Self {
            time_unix_nanos: 0,
            severity: 0,
            severity_text: String::new(),
            body: String::new(),
            trace_id: None,
            span_id: None,
            attributes: Vec::new(),
            resource: Arc::new(Resource::empty()),
        }
    }
}

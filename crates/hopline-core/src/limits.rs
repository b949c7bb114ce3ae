//! What a tracer will hold at the most.

use std::time::Duration;

/// Bounds on what is recorded. What exceeds one is dropped, counted and said in the exported span.
///
/// # Examples
///
/// ```
/// use hopline_core::Limits;
///
/// let limits = Limits { spans_per_trace: 200, ..Limits::default() };
/// assert_eq!(limits.attributes_per_span, 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes of one span; 128 as the OpenTelemetry specification has it.
    pub attributes_per_span: u16,
    /// Attributes of one event; 128.
    pub attributes_per_event: u16,
    /// Events of one span; 128.
    pub events_per_span: u16,
    /// Links of one span; 128.
    pub links_per_span: u16,
    /// Bytes of one text value, cut between characters; 16 KiB.
    pub value_bytes: usize,
    /// Spans of one local trace at a time; 2048. When there are as many, those that have ended are let go: to the
    /// sinks if it is certain by then that the trace is kept, else they are lost and counted.
    pub spans_per_trace: usize,
    /// Bytes of one local trace at a time; 1 MiB, and 1 GiB at the most. Works as `spans_per_trace`.
    pub trace_bytes: usize,
    /// How long finished spans of a trace that is certain to be kept wait for its local root's end before they go
    /// to the sinks; a minute. It is for roots that run for hours.
    pub trace_age: Duration,
    /// Bytes of all local traces of the tracer together; 64 MiB. Finished spans on their way to the sinks
    /// come on top: 4 MiB and one trace, and what the sinks hold.
    pub total_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attributes_per_span: 128,
            attributes_per_event: 128,
            events_per_span: 128,
            links_per_span: 128,
            value_bytes: 16 << 10,
            spans_per_trace: 2048,
            trace_bytes: 1 << 20,
            trace_age: Duration::from_secs(60),
            total_bytes: 64 << 20,
        }
    }
}

/// Buffers kept for the next traces, and the largest one that is.
pub(crate) const MAX_POOLED: usize = 1024;
pub(crate) const POOLED_BYTES: usize = 64 << 10;

/// Offsets in a trace have 32 bits.
pub(crate) const MAX_TRACE_BYTES: usize = 1 << 30;

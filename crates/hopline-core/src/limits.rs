//! Limits of what a tracer records and holds.

use std::time::Duration;

/// The limits of what a tracer records. Data beyond a limit is dropped and counted, in [`Stats`](crate::Stats) and in the
/// exported span.
///
/// The counts per span are those of [OpenTelemetry, span limits](https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits).
///
/// # Examples
///
/// ```
/// use hopline_core::Limits;
///
/// let limits = Limits { spans_per_trace: 200, ..Limits::default() };
/// assert_eq!(limits.attributes_per_span, 128);
/// let tracer = hopline_core::Tracer::builder().limits(limits).build();
/// assert_eq!(tracer.stats().lost_spans, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made by struct update, `..Limits::default()`"
)]
pub struct Limits {
    /// Attributes of one span. Defaults to 128.
    pub attributes_per_span: u16,
    /// Attributes of one event. Defaults to 128.
    pub attributes_per_event: u16,
    /// Events of one span. Defaults to 128.
    pub events_per_span: u16,
    /// Links of one span. Defaults to 128.
    pub links_per_span: u16,
    /// Bytes of one text value, which is cut between characters. Defaults to 16 KiB. Baggage that is recorded as an
    /// attribute is limited to 1 KiB, because callers choose it and every span records it.
    pub value_bytes: usize,
    /// Bytes of the name of a span or event, and of the key of an attribute, which are cut between characters. Defaults
    /// to 512. Literals of up to 512 bytes are never cut.
    ///
    /// Empty names are refused: an attribute or event without a name is dropped, a span is named `unnamed`.
    pub name_bytes: usize,
    /// Spans of one local trace in memory. Defaults to 2048. At the limit its finished spans are handed to the sinks if
    /// the trace is certain to be kept; otherwise they are lost and counted.
    pub spans_per_trace: usize,
    /// Bytes of one local trace in memory. Defaults to 1 MiB; at most 1 GiB. Works like `spans_per_trace`. Allocations
    /// that records own, such as the tracestates of links, count too.
    pub trace_bytes: usize,
    /// The longest time that finished spans of a trace that is certain to be kept wait for the end of its local root,
    /// before they are handed to the sinks. Defaults to 60 s. For roots that run for hours.
    pub trace_age: Duration,
    /// Bytes of all local traces of the tracer together. Defaults to 64 MiB. Finished spans on their way to the sinks are
    /// not included: up to 4 MiB and one trace, 8 MiB of spare memory for later traces, and what the sinks hold.
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
            name_bytes: STATIC_NAME_BYTES,
            spans_per_trace: 2048,
            trace_bytes: 1 << 20,
            trace_age: Duration::from_secs(60),
            total_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// No limits, for sets of attributes: the limits of the spans that take them apply.
    pub(crate) const NONE: Self = Self {
        attributes_per_span: u16::MAX,
        attributes_per_event: u16::MAX,
        events_per_span: u16::MAX,
        links_per_span: u16::MAX,
        value_bytes: usize::MAX,
        name_bytes: usize::MAX,
        spans_per_trace: usize::MAX,
        trace_bytes: usize::MAX,
        trace_age: Duration::MAX,
        total_bytes: usize::MAX,
    };

    /// True if a name that is no literal is recorded unchanged: not empty, and not too long.
    #[inline]
    pub(crate) fn fits(&self, name: &str) -> bool {
        // 0 wraps to the largest number, so one comparison checks both
        name.len().wrapping_sub(1) < self.name_bytes
    }
}

/// The longest literal that is recorded without a check at run time.
pub(crate) const STATIC_NAME_BYTES: usize = 512;

/// The longest value of a baggage member that is recorded as an attribute, in bytes.
pub(crate) const BAGGAGE_VALUE_BYTES: usize = 1 << 10;

/// The most buffers kept for later traces, and the largest buffer that is kept, in bytes.
pub(crate) const MAX_POOLED: usize = 1024;
pub(crate) const POOLED_BYTES: usize = 64 << 10;

/// The largest trace in bytes: offsets have 32 bits, of which this uses 30.
pub(crate) const MAX_TRACE_BYTES: usize = 1 << 30;

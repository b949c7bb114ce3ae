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
    /// Bytes of one text value, cut between characters; 16 KiB. Of an allowed baggage member 1 KiB at the most, since
    /// callers choose it and every span bears it.
    pub value_bytes: usize,
    /// Bytes of the name of a span or event and of an attribute's key, cut between characters; 512. Literals of the
    /// program up to 512 bytes are never cut.
    ///
    /// Empty ones are refused: an attribute or event without a name is dropped, a span is called `unnamed`.
    pub name_bytes: usize,
    /// Spans of one local trace at a time; 2048. When there are as many, those that have ended are let go: to the
    /// sinks if it is certain by then that the trace is kept, else they are lost and counted.
    pub spans_per_trace: usize,
    /// Bytes of one local trace at a time; 1 MiB, and 1 GiB at the most. Works as `spans_per_trace`. What records own
    /// elsewhere, such as the tracestates of links, is counted.
    pub trace_bytes: usize,
    /// How long finished spans of a trace that is certain to be kept wait for its local root's end before they go
    /// to the sinks; a minute. It is for roots that run for hours.
    pub trace_age: Duration,
    /// Bytes of all local traces of the tracer together; 64 MiB. Finished spans on their way to the sinks
    /// come on top: 4 MiB and one trace, 8 MiB of spare memory for the next ones, and what the sinks hold.
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
    /// For sets of attributes, which the limits of the spans that take them bound.
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

    /// True if a name made at run time is recorded as it is.
    #[inline]
    pub(crate) fn fits(&self, name: &str) -> bool {
        // an empty one wraps
        name.len().wrapping_sub(1) < self.name_bytes
    }
}

/// The longest literal that is recorded without a look at its length.
pub(crate) const STATIC_NAME_BYTES: usize = 512;

/// The longest value of a baggage member that becomes an attribute.
pub(crate) const BAGGAGE_VALUE_BYTES: usize = 1 << 10;

/// Buffers kept for the next traces, and the largest one that is.
pub(crate) const MAX_POOLED: usize = 1024;
pub(crate) const POOLED_BYTES: usize = 64 << 10;

/// Offsets in a trace have 32 bits.
pub(crate) const MAX_TRACE_BYTES: usize = 1 << 30;

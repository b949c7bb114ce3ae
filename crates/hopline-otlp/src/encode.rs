//! OTLP protobuf: encodes finished spans as an `ExportTraceServiceRequest`.
//!
//! The exporter's transports call it, and applications with a transport of their own. It writes from the tracer's records
//! to bytes, without an intermediate message: that costs an eighth of building one.
//!
//! # Lengths
//!
//! Protocol Buffers write the length of a message before it. Two ways are used here:
//!
//! | message | length |
//! |---|---|
//! | `ResourceSpans`, `ScopeSpans`, `Span`, event, link, status | bytes are reserved by a guess, the message is written, and moved if the guess was wrong |
//! | `KeyValue`, `AnyValue` | computed first, since they are small and many |
//!
//! Computing the length of everything first would visit each record twice.

use std::sync::Arc;

use hopline_core::export::SpanView;
use hopline_core::{Batch, InstrumentationScope, Resource, SpanKind};

use crate::any::Any;
use crate::proto::{Writer, field_len, varint_len};
use crate::slice::{SpanGroup, by_resource, scopes, spans_of};

/// Encodes spans as the bytes of an OTLP `ExportTraceServiceRequest`.
///
/// Neighbouring batches with the same resource share one `ResourceSpans`; within it spans are grouped by scope.
///
/// # Examples
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer};
/// # struct Keep(Arc<Mutex<Vec<Arc<Batch>>>>);
/// # impl Sink for Keep {
/// #     fn accept(&self, batch: &Arc<Batch>) {
/// #         self.0.lock().unwrap().push(Arc::clone(batch));
/// #     }
/// # }
/// # let kept = Arc::default();
/// # let tracer = Tracer::builder().sink(Keep(Arc::clone(&kept))).build();
/// # SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start().end();
/// # let batches = kept.lock().unwrap();
/// let bytes = hopline_otlp::encode_protobuf(&batches);
/// assert!(bytes.windows(16).any(|part| part == b"GET /orders/{id}"));
/// ```
pub fn encode_protobuf(batches: &[Arc<Batch>]) -> Vec<u8> {
    protobuf(batches, 0)
}

/// The same for parts of batches, with the number of spans lost before them.
///
/// A part is a whole batch or a slice of one: requests are limited in spans and bytes, and batches are not divided at those
/// limits.
pub(crate) fn protobuf<P: SpanGroup>(parts: &[P], lost: u64) -> Vec<u8> {
    let spans: usize = parts.iter().map(SpanGroup::len).sum();
    let mut out = Writer::with_capacity(HEAD_BYTES + spans * SPAN_BYTES);
    // once in a request, or a reader that adds the numbers would count it several times
    let mut lost = (lost > 0).then_some(lost);
    for same in by_resource(parts) {
        // ExportTraceServiceRequest.resource_spans
        out.message(1, LONG, |out| resource_spans(out, same, &mut lost));
    }
    out.into_bytes()
}

/// `Span.flags` and `Link.flags`: the W3C flags, the bit that the remote bit is known, and the remote bit.
pub(crate) fn span_flags(flags: hopline_core::TraceFlags, remote: bool) -> u32 {
    let remote = if remote { IS_REMOTE } else { 0 };
    u32::from(flags.bits()) | HAS_IS_REMOTE | remote
}

/// `SpanKind` by number; zero would be "unspecified".
///
/// Written out, so that the wire format does not depend on the order of the variants.
pub(crate) fn kind_number(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// The attribute of a request's first scope: the number of spans lost since the last request that arrived.
pub(crate) const DROPPED: &str = "hopline.dropped";
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: the next bit is known.
pub(crate) const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent, or the linked span, is in another process.
pub(crate) const IS_REMOTE: u32 = 0x200;
/// `STATUS_CODE_ERROR`. The others are not written: unset is the default, and hopline records no OK.
pub(crate) const STATUS_ERROR: u8 = 2;

// Expected bytes of a message's length: a wrong guess costs a move of the message, not an error.
const SHORT: usize = 1;
const MIDDLE: usize = 2;
const LONG: usize = 3;

// first guess of the buffer's size; it grows if spans hold more
const HEAD_BYTES: usize = 512;
const SPAN_BYTES: usize = 384;

/// `ResourceSpans`: the resource, then one `ScopeSpans` for each scope.
///
/// `lost` is written on the first scope and taken, so that it appears once in a request. Spans are visited once for each
/// scope; there are a few scopes, and finding their spans is cheaper than sorting them.
fn resource_spans<P: SpanGroup>(out: &mut Writer, parts: &[P], lost: &mut Option<u64>) {
    if let Some(first) = parts.first() {
        out.message(1, MIDDLE, |out| resource(out, first.resource()));
    }
    for of in scopes(parts) {
        out.message(2, LONG, |out| {
            out.message(1, SHORT, |out| scope(out, of, lost.take()));
            for view in spans_of(parts, of) {
                out.message(2, MIDDLE, |out| span(out, &view));
            }
        });
    }
}

/// `InstrumentationScope`: name, version, and the number of lost spans if there is one to report.
fn scope(out: &mut Writer, scope: &InstrumentationScope, lost: Option<u64>) {
    out.bytes(1, scope.name().as_bytes());
    out.bytes(2, scope.version().as_bytes());
    if let Some(lost) = lost {
        key_value(out, 3, DROPPED, Any::I64(lost.cast_signed()));
    }
}

/// `Resource`: its attributes. Usually written once in a request, since batches of one tracer share it.
fn resource(out: &mut Writer, resource: &Resource) {
    for (key, value) in resource.iter() {
        key_value(out, 1, key, value.into());
    }
}

/// `Span`, field by field in the order of their numbers.
///
/// Attributes are read in their final state: of a key that was set several times the last value. Times are nanoseconds
/// since the Unix epoch.
fn span(out: &mut Writer, span: &SpanView<'_>) {
    out.bytes(1, &span.trace_id().to_bytes());
    out.bytes(2, &span.span_id().to_bytes());
    out.bytes(3, span.tracestate().as_str().as_bytes());
    if let Some(parent) = span.parent() {
        out.bytes(4, &parent.to_bytes());
    }
    out.bytes(5, span.name().as_bytes());
    out.uint(6, kind_number(span.kind()).into());
    out.fixed64(7, span.start_unix_nanos());
    out.fixed64(8, span.end_unix_nanos());
    for (key, value) in span.attributes() {
        key_value(out, 9, key, value.into());
    }
    out.uint(10, span.dropped_attributes().into());
    for event in span.events() {
        out.message(11, SHORT, |out| {
            out.fixed64(1, event.time_unix_nanos());
            out.bytes(2, event.name().as_bytes());
            for (key, value) in event.attributes() {
                key_value(out, 3, key, value.into());
            }
            out.uint(4, event.dropped_attributes().into());
        });
    }
    out.uint(12, span.dropped_events().into());
    for link in span.links() {
        let to = link.span_context();
        out.message(13, SHORT, |out| {
            out.bytes(1, &to.trace_id().to_bytes());
            out.bytes(2, &to.span_id().to_bytes());
            out.bytes(3, to.tracestate().as_str().as_bytes());
            out.fixed32(6, span_flags(to.flags(), to.is_remote()));
        });
    }
    out.uint(14, span.dropped_links().into());
    if span.is_error() {
        out.message(15, SHORT, |out| {
            out.bytes(2, span.status_message().as_bytes());
            out.uint(3, STATUS_ERROR.into());
        });
    }
    out.fixed32(16, span_flags(span.flags(), span.parent_is_remote()));
}

/// `KeyValue`. Its length is computed beforehand, which is cheaper than moving so small a message afterwards.
#[inline]
fn key_value(out: &mut Writer, field: u32, key: &str, value: Any<'_>) {
    let value_len = any_len(value);
    let len = field_len(key.len()) + field_len(value_len);
    if len < 0x80 {
        // nearly always: each length inside takes one byte too
        out.short([field, 1], [len, key.len()], key.as_bytes());
        match value {
            Any::Str(text) => out.short([2, 1], [value_len, text.len()], text.as_bytes()),
            value => {
                out.sized(2, value_len);
                any(out, value);
            }
        }
        return;
    }
    out.sized(field, len);
    out.bytes_always(1, key.as_bytes());
    out.sized(2, value_len);
    any(out, value);
}

/// `AnyValue`: the one field of its kind. The caller has written its tag and length.
fn any(out: &mut Writer, value: Any<'_>) {
    match value {
        Any::Str(text) => out.bytes_always(1, text.as_bytes()),
        Any::Bool(truth) => out.uint_always(2, truth.into()),
        Any::I64(number) => out.uint_always(3, number.cast_unsigned()),
        Any::F64(number) => out.fixed64_always(4, number.to_bits()),
        Any::Array(elements) => {
            let mut len = 0;
            elements.each(|element| len += field_len(any_len(element)));
            out.sized(5, len);
            elements.each(|element| {
                out.sized(1, any_len(element));
                any(out, element);
            });
        }
    }
}

/// The encoded length of an `AnyValue`, without its own tag and length. It must equal what [`any`] writes.
fn any_len(value: Any<'_>) -> usize {
    match value {
        Any::Str(text) => field_len(text.len()),
        Any::Bool(_) => 2,
        Any::I64(number) => 1 + varint_len(number.cast_unsigned()),
        Any::F64(_) => 9,
        Any::Array(elements) => {
            let mut len = 0;
            elements.each(|element| len += field_len(any_len(element)));
            field_len(len)
        }
    }
}

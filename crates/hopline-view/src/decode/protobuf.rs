//! OTLP in Protocol Buffers as spans and log records.

use std::sync::Arc;

use hopline_core::export::{EventData, LinkData, OwnedValue, ScopeData, SpanData, StatusData};
use hopline_core::propagation::TraceState;
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};

use super::any::{Any, MAX_RESOURCE_ATTRIBUTES, put};
use super::error::DecodeError;
use super::wire::{Field, Fields};
use crate::LogData;

/// An error refuses the whole request: the OTLP specification requires 400, or `InvalidArgument`, for data that
/// cannot be decoded.
type Result<T> = std::result::Result<T, DecodeError>;

/// Levels of values within values. A deeper value is refused, since decoding is recursive and a sender must not
/// exhaust the stack.
const MAX_DEPTH: usize = 16;
/// Bits of `Span.flags`: the second is meaningful if the first is set.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK` of `trace.proto`.
const IS_REMOTE: u32 = 0x200;

/// Decodes an `ExportTraceServiceRequest`.
///
/// # Errors
///
/// Returns an error for a malformed message, for text that is not UTF-8, and for a span without valid ids.
pub(super) fn traces(body: &[u8]) -> Result<Vec<SpanData>> {
    let mut spans = Vec::new();
    groups(body, |resource, scope, record| {
        spans.push(span(record, resource, scope)?);
        Ok(())
    })?;
    Ok(spans)
}

/// Decodes an `ExportLogsServiceRequest`.
///
/// # Errors
///
/// Returns an error for a malformed message and for text that is not UTF-8.
pub(super) fn logs(body: &[u8]) -> Result<Vec<LogData>> {
    let mut logs = Vec::new();
    groups(body, |resource, _, record| {
        logs.push(log(record, resource)?);
        Ok(())
    })?;
    Ok(logs)
}

/// Counts the metrics of an `ExportMetricsServiceRequest`.
///
/// Reads down to the metrics and no further: they are not stored, so their content is not checked.
///
/// # Errors
///
/// Returns an error for a malformed message.
pub(super) fn metrics(body: &[u8]) -> Result<u64> {
    let mut count = 0;
    groups(body, |_, _, _| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// The three requests have one shape: resources (1), in them scopes (2), in these records (2). Resource and scope may
/// follow what they are about, so they are read first.
///
/// Reading a message again is cheap, as a pass skips the content of other fields by their length.
fn groups(
    body: &[u8],
    mut found: impl FnMut(&Arc<Resource>, &ScopeData, Fields<'_>) -> Result<()>,
) -> Result<()> {
    each(Fields::new(body), 1, |group| {
        let mut about = Resource::empty();
        each(group, 1, |message| {
            about = resource(message)?;
            Ok(())
        })?;
        let about = Arc::new(about);
        each(group, 2, |group| {
            let mut library = ScopeData::default();
            each(group, 1, |message| {
                library = scope(message)?;
                Ok(())
            })?;
            each(group, 2, |record| found(&about, &library, record))
        })
    })
}

/// Runs for each message in the field of this number. Fields of other numbers are skipped: a newer schema may have
/// them.
fn each<'a>(
    mut fields: Fields<'a>,
    number: u32,
    mut found: impl FnMut(Fields<'a>) -> Result<()>,
) -> Result<()> {
    while let Some((field, value)) = fields.next()? {
        if field == number {
            found(value.message()?)?;
        }
    }
    Ok(())
}

/// Reads a `Resource`. Of two attributes with one key, the last one is kept.
fn resource(message: Fields<'_>) -> Result<Resource> {
    let mut resource = Resource::empty();
    let mut left = MAX_RESOURCE_ATTRIBUTES;
    each(message, 1, |pair| {
        if let ((key, Some(value)), 1..) = (key_value(pair, 0)?, left) {
            left -= 1;
            let known = std::mem::replace(&mut resource, Resource::empty());
            resource = known.with(key.to_owned(), value.into_value());
        }
        Ok(())
    })?;
    Ok(resource)
}

/// Reads an `InstrumentationScope`: name and version. Its attributes are not shown, so they are skipped.
fn scope(mut message: Fields<'_>) -> Result<ScopeData> {
    let mut scope = ScopeData::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => scope.name = field.text()?.to_owned().into(),
            2 => scope.version = field.text()?.to_owned().into(),
            _ => {}
        }
    }
    Ok(scope)
}

/// Reads a `Span` of `opentelemetry/proto/trace/v1/trace.proto`; the numbers below are those of its fields.
///
/// A span needs a trace id of 16 bytes and a span id of 8 bytes, neither all zeros. Every other field may be absent,
/// and has the default value of Protocol Buffers then.
///
/// # Errors
///
/// Returns an error for a missing or invalid id, or for a field of a wrong type.
fn span(mut message: Fields<'_>, resource: &Arc<Resource>, scope: &ScopeData) -> Result<SpanData> {
    let (mut trace_id, mut span_id, mut flags) = (None, None, 0);
    // the ids are known at the end only
    let mut span = SpanData::new(String::new(), placeholder_trace(), placeholder_span());
    while let Some((number, field)) = message.next()? {
        match number {
            1 => trace_id = Some(trace_id_of(field)?),
            2 => span_id = Some(span_id_of(field)?),
            3 => span.tracestate = tracestate(field)?,
            4 => span.parent = parent(field)?,
            5 => field.text()?.clone_into(&mut span.name),
            6 => span.kind = kind(field.number()?),
            7 => span.start_unix_nanos = field.number()?,
            8 => span.end_unix_nanos = field.number()?,
            9 => add(&mut span.attributes, field.message()?)?,
            10 => span.dropped_attributes = field.number()? as u32,
            11 => span.events.push(event(field.message()?)?),
            12 => span.dropped_events = field.number()? as u32,
            13 => span.links.push(link(field.message()?)?),
            14 => span.dropped_links = field.number()? as u32,
            15 => span.status = status(field.message()?)?,
            16 => flags = field.number()? as u32,
            _ => {}
        }
    }
    span.trace_id = trace_id.ok_or_else(invalid_id)?;
    span.span_id = span_id.ok_or_else(invalid_id)?;
    span.flags = w3c_flags(flags);
    span.parent_is_remote = is_remote(flags);
    span.scope = scope.clone();
    span.resource = Arc::clone(resource);
    Ok(span)
}

/// Reads an event. Field 4, the number of dropped attributes, is not shown.
fn event(mut message: Fields<'_>) -> Result<EventData> {
    let mut event = EventData {
        name: String::new(),
        time_unix_nanos: 0,
        attributes: Vec::new(),
    };
    while let Some((number, field)) = message.next()? {
        match number {
            1 => event.time_unix_nanos = field.number()?,
            2 => field.text()?.clone_into(&mut event.name),
            3 => add(&mut event.attributes, field.message()?)?,
            _ => {}
        }
    }
    Ok(event)
}

/// Reads a link. The flags are in field 6. Attributes of links are not stored.
fn link(mut message: Fields<'_>) -> Result<LinkData> {
    let (mut trace_id, mut span_id, mut flags) = (None, None, 0);
    let mut state = TraceState::default();
    while let Some((number, field)) = message.next()? {
        match number {
            1 => trace_id = Some(trace_id_of(field)?),
            2 => span_id = Some(span_id_of(field)?),
            3 => state = tracestate(field)?,
            6 => flags = field.number()? as u32,
            _ => {}
        }
    }
    let trace_id = trace_id.ok_or_else(invalid_id)?;
    let span_id = span_id.ok_or_else(invalid_id)?;
    let span_context = SpanContext::new(trace_id, span_id, w3c_flags(flags)).with_tracestate(state);
    Ok(LinkData { span_context })
}

/// Reads a status. Only `STATUS_CODE_ERROR` is an error. `STATUS_CODE_OK` is read as unset: both mean that the span
/// did not fail.
fn status(mut message: Fields<'_>) -> Result<StatusData> {
    const ERROR: u64 = 2;
    let (mut text, mut code) = ("", 0);
    while let Some((number, field)) = message.next()? {
        match number {
            2 => text = field.text()?,
            3 => code = field.number()?,
            _ => {}
        }
    }
    Ok(if code == ERROR {
        StatusData::Error {
            message: text.to_owned(),
        }
    } else {
        StatusData::Unset
    })
}

/// Reads a log record.
///
/// Without the time of the event, the time of its observation counts, as the log data model recommends, section
/// "Field: `Timestamp`".
///
/// An invalid trace or span id does not refuse the record: senders write zeros for a record outside a trace.
fn log(mut message: Fields<'_>, resource: &Arc<Resource>) -> Result<LogData> {
    let mut log = LogData {
        resource: Arc::clone(resource),
        ..LogData::default()
    };
    let mut observed = 0;
    while let Some((number, field)) = message.next()? {
        match number {
            1 => log.time_unix_nanos = field.number()?,
            2 => log.severity = field.number()?.min(24) as u8,
            3 => field.text()?.clone_into(&mut log.severity_text),
            5 => {
                let body = any(field.message()?, 0)?.map(Any::into_value);
                log.body = body.map_or_else(String::new, |body| body.to_string());
            }
            6 => add(&mut log.attributes, field.message()?)?,
            // a record outside a trace has ids of no bytes or of zeros
            9 => log.trace_id = field.bytes()?.try_into().ok().and_then(TraceId::from_bytes),
            10 => log.span_id = field.bytes()?.try_into().ok().and_then(SpanId::from_bytes),
            11 => observed = field.number()?,
            _ => {}
        }
    }
    if log.time_unix_nanos == 0 {
        log.time_unix_nanos = observed;
    }
    Ok(log)
}

/// Reads a `KeyValue` and adds it. An attribute without a value has nothing to show, so it is left out.
fn add(attributes: &mut Vec<(String, OwnedValue)>, pair: Fields<'_>) -> Result<()> {
    if let (key, Some(value)) = key_value(pair, 0)? {
        put(attributes, key.to_owned(), value.into_value());
    }
    Ok(())
}

/// Reads a `KeyValue`, of an attribute or of a map. `None` for a value that is not set.
fn key_value(mut message: Fields<'_>, depth: usize) -> Result<(&str, Option<Any>)> {
    let (mut key, mut value) = ("", None);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => key = field.text()?,
            2 => value = any(field.message()?, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Reads an `AnyValue`: the last field that is set, or `None`.
///
/// # Errors
///
/// Returns an error for a value that nests deeper than `MAX_DEPTH`.
fn any(mut message: Fields<'_>, depth: usize) -> Result<Option<Any>> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::new("a value nests too deep"));
    }
    let mut value = None;
    while let Some((number, field)) = message.next()? {
        value = Some(match number {
            1 => Any::Text(field.text()?.to_owned()),
            2 => Any::Bool(field.number()? != 0),
            3 => Any::I64(field.number()?.cast_signed()),
            4 => Any::F64(f64::from_bits(field.number()?)),
            5 => Any::Array(array(field.message()?, depth + 1)?),
            6 => Any::Map(map(field.message()?, depth + 1)?),
            7 => Any::from_bytes(field.bytes()?),
            _ => continue,
        });
    }
    Ok(value)
}

/// Reads an array; `depth` bounds the recursion.
fn array(message: Fields<'_>, depth: usize) -> Result<Vec<Any>> {
    let mut values = Vec::new();
    each(message, 1, |value| {
        values.extend(any(value, depth)?);
        Ok(())
    })?;
    Ok(values)
}

/// Reads a map; an entry without a value is left out.
fn map(message: Fields<'_>, depth: usize) -> Result<Vec<(String, Any)>> {
    let mut entries = Vec::new();
    each(message, 1, |pair| {
        let (key, value) = key_value(pair, depth)?;
        entries.extend(value.map(|value| (key.to_owned(), value)));
        Ok(())
    })?;
    Ok(entries)
}

/// Reads a trace id.
///
/// # Errors
///
/// Returns an error for another length than 16 bytes, and for zeros, which the specification declares invalid.
fn trace_id_of(field: Field<'_>) -> Result<TraceId> {
    field
        .bytes()?
        .try_into()
        .ok()
        .and_then(TraceId::from_bytes)
        .ok_or_else(invalid_id)
}

/// Reads a span id.
///
/// # Errors
///
/// Returns an error for another length than 8 bytes, and for zeros.
fn span_id_of(field: Field<'_>) -> Result<SpanId> {
    field
        .bytes()?
        .try_into()
        .ok()
        .and_then(SpanId::from_bytes)
        .ok_or_else(invalid_id)
}

/// Empty and all zeros mean that there is none. Some exporters write zeros for the parent of a root, though the
/// schema has an empty field for it.
fn parent(field: Field<'_>) -> Result<Option<SpanId>> {
    let bytes = field.bytes()?;
    if bytes.is_empty() {
        return Ok(None);
    }
    bytes
        .try_into()
        .map(SpanId::from_bytes)
        .map_err(|_| invalid_id())
}

/// Reads a tracestate. An invalid one is dropped as a whole, which W3C Trace Context permits, and the span is kept.
fn tracestate(field: Field<'_>) -> Result<TraceState> {
    Ok(TraceState::parse([field.text()?]).unwrap_or_default())
}

/// The kind of a span. `SPAN_KIND_UNSPECIFIED` and unknown numbers are internal, as `trace.proto` permits.
fn kind(number: u64) -> SpanKind {
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// Bits 0 to 7 of `Span.flags`: the flags of W3C Trace Context.
fn w3c_flags(flags: u32) -> TraceFlags {
    TraceFlags::from_bits((flags & 0xff) as u8)
}

/// True if the parent is known to be in another process. An older sender sets neither bit, which is read as false.
fn is_remote(flags: u32) -> bool {
    flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE
}

/// The error of a missing or invalid id. It does not repeat the bytes, which may be anything.
fn invalid_id() -> DecodeError {
    DecodeError::new("a span has no valid trace id or span id")
}

/// An id for a span whose own is not read yet. It never reaches the store.
fn placeholder_trace() -> TraceId {
    // not zero
    TraceId::from_u128(1).unwrap_or_else(|| unreachable!())
}

/// As `placeholder_trace`, for the span's id.
fn placeholder_span() -> SpanId {
    // not zero
    SpanId::from_u64(1).unwrap_or_else(|| unreachable!())
}

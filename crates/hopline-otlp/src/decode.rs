//! OTLP JSON: decodes an `ExportTraceServiceRequest` to finished spans.
//!
//! Tests, tools and the viewer read files and requests with it. The input may be hostile: each loss is defined, depth is
//! limited, and errors have the place.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hopline_core::export::{EventData, LinkData, OwnedValue, ScopeData, SpanData, StatusData};
use hopline_core::propagation::TraceState;
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};
use serde_json::{Map, Value};

use crate::bytes_text::id_bytes;
use crate::encode::{HAS_IS_REMOTE, IS_REMOTE, STATUS_ERROR};

/// Decodes an OTLP `ExportTraceServiceRequest` in JSON: one line of a JSON-lines file, or the body of
/// an OTLP/HTTP request.
///
/// It reads more than [`encode_json`](crate::encode_json) writes: ids in hexadecimal of either case or in base64, 64-bit
/// integers as text or numbers, enumerations as numbers or names. Unknown fields are skipped. Values that a [`SpanData`]
/// cannot hold are converted: a map becomes JSON text, bytes stay base64 text, a status OK becomes unset, an invalid tracestate is left out, and
/// the last of several attributes with one key is kept. Of a scope, name and version are kept. A resource keeps its first
/// 1024 attributes.
///
/// # Errors
///
/// Returns an error if the text is not JSON, or a span has no valid trace id, span id or time; the error names the place.
/// Deep nesting is an error too, so that hostile input cannot exhaust the stack.
///
/// # Examples
///
/// ```
/// let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
///     "traceId":"5b8efff798038103d269b633813fc60c", "spanId":"eee19b7ec3c1b174",
///     "name":"process.message", "kind":5, "startTimeUnixNano":"1", "endTimeUnixNano":"3"}]}]}]}"#;
/// let spans = hopline_otlp::decode_json(line)?;
/// assert_eq!(spans[0].duration_nanos(), 2);
///
/// let error = hopline_otlp::decode_json(&line.replace("eee", "zzz")).unwrap_err();
/// assert_eq!(error.to_string(), "resourceSpans[0].scopeSpans[0].spans[0].spanId: not a valid id");
/// # Ok::<(), hopline_otlp::DecodeError>(())
/// ```
pub fn decode_json(text: &str) -> Result<Vec<SpanData>, DecodeError> {
    let root: Value = serde_json::from_str(text).map_err(DecodeError::syntax)?;
    let mut spans = Vec::new();
    for_each_in(as_object(&root)?, "resourceSpans", |group| {
        let resource = Arc::new(in_field("resource", resource(group.get("resource")))?);
        for_each_in(group, "scopeSpans", |group| {
            let scope = in_field("scope", scope(group.get("scope")))?;
            for_each_in(group, "spans", |object| {
                spans.push(span(object, &scope, &resource)?);
                Ok(())
            })
        })
    })?;
    Ok(spans)
}

/// The error of text that is not OTLP JSON, or of a field with an impossible value.
///
/// # Examples
///
/// ```
/// let cut = hopline_otlp::decode_json("{\"resourceSpans\":[").unwrap_err();
/// assert!(cut.is_syntax());
/// let wrong = hopline_otlp::decode_json("{\"resourceSpans\":7}").unwrap_err();
/// assert!(!wrong.is_syntax());
/// assert_eq!(wrong.to_string(), "resourceSpans: not an array");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The place, as `a[0].b`; empty for the whole text.
    place: String,
    problem: String,
    syntax: bool,
}

impl DecodeError {
    /// True if the text is not JSON, for example the last line of a file whose writer was killed.
    pub fn is_syntax(&self) -> bool {
        self.syntax
    }

    fn new(problem: &str) -> Self {
        Self {
            place: String::new(),
            problem: problem.to_owned(),
            syntax: false,
        }
    }

    fn syntax(error: serde_json::Error) -> Self {
        Self {
            place: String::new(),
            problem: format!("not JSON: {error}"),
            syntax: true,
        }
    }

    /// The same, one level further out.
    fn inside(mut self, outer: impl fmt::Display) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') {
            ""
        } else {
            "."
        };
        self.place = format!("{outer}{dot}{}", self.place);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for DecodeError {}

type Object = Map<String, Value>;

/// The attributes that are kept of a resource: adding one compares it with all before it.
const MAX_RESOURCE_ATTRIBUTES: usize = 1024;

fn span(
    object: &Object,
    scope: &ScopeData,
    resource: &Arc<Resource>,
) -> Result<SpanData, DecodeError> {
    let trace_id = in_field("traceId", trace_id(object.get("traceId")))?;
    let span_id = in_field("spanId", span_id(object.get("spanId")))?;
    let flags = number::<u32>(object, "flags")?;
    let mut span = SpanData::new(text(object, "name")?, trace_id, span_id);
    span.kind = in_field("kind", kind(object.get("kind")))?;
    span.parent = in_field("parentSpanId", parent(object.get("parentSpanId")))?;
    span.parent_is_remote = is_remote(flags);
    span.flags = w3c_flags(flags);
    span.tracestate = tracestate(object)?;
    span.start_unix_nanos = number(object, "startTimeUnixNano")?;
    span.end_unix_nanos = number(object, "endTimeUnixNano")?;
    span.attributes = attributes(object)?;
    span.dropped_attributes = number(object, "droppedAttributesCount")?;
    span.dropped_events = number(object, "droppedEventsCount")?;
    span.dropped_links = number(object, "droppedLinksCount")?;
    span.status = in_field("status", status(object.get("status")))?;
    span.scope = scope.clone();
    span.resource = Arc::clone(resource);
    for_each_in(object, "events", |event| {
        span.events.push(EventData {
            name: text(event, "name")?.to_owned(),
            time_unix_nanos: number(event, "timeUnixNano")?,
            attributes: attributes(event)?,
        });
        Ok(())
    })?;
    for_each_in(object, "links", |object| {
        span.links.push(LinkData {
            span_context: link(object)?,
        });
        Ok(())
    })?;
    Ok(span)
}

fn resource(value: Option<&Value>) -> Result<Resource, DecodeError> {
    let mut resource = Resource::empty();
    if let Some(value) = present(value) {
        for (key, value) in attributes(as_object(value)?)?
            .into_iter()
            .take(MAX_RESOURCE_ATTRIBUTES)
        {
            resource = resource.with(key, value);
        }
    }
    Ok(resource)
}

fn scope(value: Option<&Value>) -> Result<ScopeData, DecodeError> {
    let Some(value) = present(value) else {
        return Ok(ScopeData::default());
    };
    let scope = as_object(value)?;
    Ok(ScopeData {
        name: text(scope, "name")?.to_owned().into(),
        version: text(scope, "version")?.to_owned().into(),
    })
}

fn link(object: &Object) -> Result<SpanContext, DecodeError> {
    let trace_id = in_field("traceId", trace_id(object.get("traceId")))?;
    let span_id = in_field("spanId", span_id(object.get("spanId")))?;
    let flags = number::<u32>(object, "flags")?;
    let here = SpanContext::new(trace_id, span_id, w3c_flags(flags));
    // what is parsed from a traceparent counts as remote
    let remote = || here.to_string().parse().ok();
    let context = if is_remote(flags) {
        remote().unwrap_or(here)
    } else {
        here
    };
    Ok(context.with_tracestate(tracestate(object)?))
}

fn status(value: Option<&Value>) -> Result<StatusData, DecodeError> {
    let Some(value) = present(value) else {
        return Ok(StatusData::Unset);
    };
    let status = as_object(value)?;
    let failed = match status.get("code") {
        Some(Value::String(name)) => name == "STATUS_CODE_ERROR",
        _ => number::<u8>(status, "code")? == STATUS_ERROR,
    };
    Ok(if failed {
        StatusData::Error {
            message: text(status, "message")?.to_owned(),
        }
    } else {
        StatusData::Unset
    })
}

/// The span kind; unknown numbers and names count as internal.
fn kind(value: Option<&Value>) -> Result<SpanKind, DecodeError> {
    let known = [
        (2, "SPAN_KIND_SERVER", SpanKind::Server),
        (3, "SPAN_KIND_CLIENT", SpanKind::Client),
        (4, "SPAN_KIND_PRODUCER", SpanKind::Producer),
        (5, "SPAN_KIND_CONSUMER", SpanKind::Consumer),
    ];
    let found = match present(value) {
        None => None,
        Some(Value::Number(given)) => known
            .iter()
            .find(|(number, ..)| given.as_u64() == Some(*number)),
        Some(Value::String(given)) => known.iter().find(|(_, name, _)| given == name),
        Some(_) => return Err(DecodeError::new("not a kind")),
    };
    Ok(found.map_or(SpanKind::Internal, |(.., kind)| *kind))
}

fn attributes(object: &Object) -> Result<Vec<(String, OwnedValue)>, DecodeError> {
    let mut attributes: Vec<(String, OwnedValue)> = Vec::new();
    let mut places = HashMap::new();
    for_each_in(object, "attributes", |pair| {
        let key = text(pair, "key")?;
        let Some(value) = in_field("value", any(pair.get("value")))? else {
            return Ok(());
        };
        match places
            .get(key)
            .and_then(|at: &usize| attributes.get_mut(*at))
        {
            Some((_, old)) => *old = value,
            None => {
                places.insert(key.to_owned(), attributes.len());
                attributes.push((key.to_owned(), value));
            }
        }
        Ok(())
    })?;
    Ok(attributes)
}

/// `AnyValue`; `None` for one without a value.
fn any(value: Option<&Value>) -> Result<Option<OwnedValue>, DecodeError> {
    let Some(value) = present(value) else {
        return Ok(None);
    };
    let Some((field, value)) = as_object(value)?.iter().find(|(_, value)| !value.is_null()) else {
        return Ok(None);
    };
    in_field(field, one_of(field, value))
}

fn one_of(field: &str, value: &Value) -> Result<Option<OwnedValue>, DecodeError> {
    let read = match field {
        // bytes are base64 here, and stay so
        "stringValue" | "bytesValue" => value.as_str().map(OwnedValue::from),
        "boolValue" => value.as_bool().map(OwnedValue::Bool),
        "intValue" => integer(value).map(OwnedValue::I64),
        "doubleValue" => value
            .as_f64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(OwnedValue::F64),
        "kvlistValue" => Some(OwnedValue::Text(plain_map(value).to_string())),
        "arrayValue" => Some(OwnedValue::Array(array(as_object(value)?)?)),
        _ => return Ok(None),
    };
    read.map(Some)
        .ok_or_else(|| DecodeError::new("not of its type"))
}

/// A map as a JSON object, without the names of types that OTLP writes around each value. serde_json bounds the depth.
fn plain_map(map: &Value) -> Value {
    let entries = map.get("values").and_then(Value::as_array);
    let entry = |entry: &Value| {
        let key = entry.get("key").and_then(Value::as_str).unwrap_or_default();
        (
            key.to_owned(),
            entry.get("value").map_or(Value::Null, plain),
        )
    };
    entries.into_iter().flatten().map(entry).collect()
}

/// The JSON of an `AnyValue` within a map. An integer in text becomes a number.
fn plain(any: &Value) -> Value {
    let set = any.as_object().into_iter().flatten();
    let Some((field, value)) = set.into_iter().find(|(_, value)| !value.is_null()) else {
        return Value::Null;
    };
    match field.as_str() {
        "kvlistValue" => plain_map(value),
        "arrayValue" => {
            let values = value.get("values").and_then(Value::as_array);
            values.into_iter().flatten().map(plain).collect()
        }
        "intValue" => integer(value).map_or(Value::Null, Value::from),
        _ => value.clone(),
    }
}

fn array(object: &Object) -> Result<Vec<OwnedValue>, DecodeError> {
    let mut values = Vec::new();
    let Some(Value::Array(elements)) = object.get("values") else {
        return Ok(values);
    };
    for (index, element) in elements.iter().enumerate() {
        values.extend(in_element("values", index, any(Some(element)))?);
    }
    Ok(values)
}

fn trace_id(value: Option<&Value>) -> Result<TraceId, DecodeError> {
    present(value)
        .and_then(Value::as_str)
        .and_then(id_bytes)
        .and_then(TraceId::from_bytes)
        .ok_or_else(invalid_id)
}

fn span_id(value: Option<&Value>) -> Result<SpanId, DecodeError> {
    present(value)
        .and_then(Value::as_str)
        .and_then(id_bytes)
        .and_then(SpanId::from_bytes)
        .ok_or_else(invalid_id)
}

/// The parent's id; absent, empty and all zeros mean that there is no parent.
fn parent(value: Option<&Value>) -> Result<Option<SpanId>, DecodeError> {
    match present(value) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => id_bytes(text)
            .map(SpanId::from_bytes)
            .ok_or_else(invalid_id),
        Some(_) => Err(invalid_id()),
    }
}

fn invalid_id() -> DecodeError {
    DecodeError::new("not a valid id")
}

fn is_remote(flags: u32) -> bool {
    flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE
}

fn w3c_flags(flags: u32) -> TraceFlags {
    TraceFlags::from_bits((flags & 0xff) as u8)
}

fn tracestate(object: &Object) -> Result<TraceState, DecodeError> {
    Ok(TraceState::parse([text(object, "traceState")?]).unwrap_or_default())
}

/// Text of a field; an absent one is empty, as in Protocol Buffers.
fn text<'a>(object: &'a Object, field: &str) -> Result<&'a str, DecodeError> {
    match present(object.get(field)) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(DecodeError::new("not text").inside(field)),
    }
}

/// A number of a field; an absent one is zero.
fn number<T: TryFrom<u64> + Default>(object: &Object, field: &str) -> Result<T, DecodeError> {
    let Some(value) = present(object.get(field)) else {
        return Ok(T::default());
    };
    let read = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    read.and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| DecodeError::new("not such a number").inside(field))
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn for_each_in<'a>(
    object: &'a Object,
    field: &str,
    mut found: impl FnMut(&'a Object) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let items = match present(object.get(field)) {
        None => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(DecodeError::new("not an array").inside(field)),
    };
    for (index, item) in items.iter().enumerate() {
        in_element(field, index, as_object(item).and_then(&mut found))?;
    }
    Ok(())
}

fn in_field<T>(field: &str, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
    result.map_err(|error| error.inside(field))
}

fn in_element<T>(
    field: &str,
    index: usize,
    result: Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    result.map_err(|error| error.inside(format_args!("{field}[{index}]")))
}

fn as_object(value: &Value) -> Result<&Object, DecodeError> {
    value
        .as_object()
        .ok_or_else(|| DecodeError::new("not an object"))
}

/// `null` is the same as absent.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

//! Log records and metrics of OTLP JSON.
//! `decode` calls it; `hopline_otlp` reads the spans of the same text. Fields that are not known are ignored, as the OTLP specification
//! requires of receivers.

use std::sync::Arc;

use hopline_core::export::OwnedValue;
use hopline_core::{Resource, SpanId, TraceId};
use serde_json::Value;

use super::any::{Any, MAX_RESOURCE_ATTRIBUTES, put};
use super::decoded::Decoded;
use super::error::DecodeError;
use crate::LogData;

/// Reads log records, and counts metrics.
///
/// # Errors
///
/// Returns an error if the text is not JSON, or if a list or number has another type.
pub(super) fn others(text: &str, decoded: &mut Decoded) -> Result<(), DecodeError> {
    let root: Value = serde_json::from_str(text)
        .map_err(|error| DecodeError::new(&format!("not JSON: {error}")))?;
    for group in items(&root, "resourceLogs")? {
        let resource = Arc::new(resource(group)?);
        for group in items(group, "scopeLogs")? {
            for record in items(group, "logRecords")? {
                decoded.logs.push(log(record, &resource)?);
            }
        }
    }
    for group in items(&root, "resourceMetrics")? {
        for group in items(group, "scopeMetrics")? {
            decoded.metrics += items(group, "metrics")?.len() as u64;
        }
    }
    Ok(())
}

/// Reads a log record. Without a time of the event, the time of its observation counts.
///
/// An id that is not valid is left out, and the record is kept.
fn log(record: &Value, resource: &Arc<Resource>) -> Result<LogData, DecodeError> {
    let observed = number(record, "observedTimeUnixNano")?;
    let time = number(record, "timeUnixNano")?;
    let body = any(record.get("body"))?.map(Any::into_value);
    Ok(LogData {
        time_unix_nanos: if time == 0 { observed } else { time },
        severity: severity(record.get("severityNumber")),
        severity_text: text(record, "severityText").to_owned(),
        body: body.map_or_else(String::new, |body| body.to_string()),
        trace_id: id(text(record, "traceId")).and_then(TraceId::from_bytes),
        span_id: id(text(record, "spanId")).and_then(SpanId::from_bytes),
        attributes: attributes(record)?,
        resource: Arc::clone(resource),
    })
}

/// A number, or a name such as `SEVERITY_NUMBER_INFO2`.
///
/// Each of the six levels has four steps, so `INFO2` is 10. 0 is unknown.
///
/// Protocol Buffers permits both forms for an enum in JSON (ProtoJSON); OTLP requires numbers of senders.
fn severity(value: Option<&Value>) -> u8 {
    /// The levels of `SeverityNumber`, in the order of their numbers.
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    match value {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0).min(24) as u8,
        Some(Value::String(name)) => {
            let name = name.trim_start_matches("SEVERITY_NUMBER_");
            let level = LEVELS.iter().position(|level| name.starts_with(level));
            let step = name
                .chars()
                .last()
                .and_then(|last| last.to_digit(10))
                .unwrap_or(1);
            level.map_or(0, |level| (level * 4) as u8 + step.clamp(1, 4) as u8)
        }
        _ => 0,
    }
}

/// Reads a resource; an absent one is empty.
///
/// # Errors
///
/// Returns an error if the attributes are not an array.
fn resource(group: &Value) -> Result<Resource, DecodeError> {
    let Some(resource) = group.get("resource") else {
        return Ok(Resource::empty());
    };
    let attributes = attributes(resource)?
        .into_iter()
        .take(MAX_RESOURCE_ATTRIBUTES);
    Ok(
        attributes.fold(Resource::empty(), |resource, (key, value)| {
            resource.with(key, value)
        }),
    )
}

/// Reads attributes. One without a value is left out.
///
/// # Errors
///
/// Returns an error if the field is not an array, or a value is not of its type.
fn attributes(object: &Value) -> Result<Vec<(String, OwnedValue)>, DecodeError> {
    let mut attributes = Vec::new();
    for pair in items(object, "attributes")? {
        if let Some(value) = any(pair.get("value"))? {
            put(
                &mut attributes,
                text(pair, "key").to_owned(),
                value.into_value(),
            );
        }
    }
    Ok(attributes)
}

/// Reads an `AnyValue`. serde_json bounds the depth of what it reads, so the recursion is bounded.
///
/// Integers and doubles may be text, as ProtoJSON writes 64-bit numbers. Bytes stay in base64.
///
/// Returns `None` for a value that is not set, or of an unknown type.
///
/// # Errors
///
/// Returns an error for a value that is not of its type.
fn any(value: Option<&Value>) -> Result<Option<Any>, DecodeError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(DecodeError::new("value: not an object")),
    };
    let Some((field, value)) = object.iter().find(|(_, value)| !value.is_null()) else {
        return Ok(None);
    };
    let read = match field.as_str() {
        "stringValue" | "bytesValue" => value.as_str().map(|text| Any::Text(text.to_owned())),
        "boolValue" => value.as_bool().map(Any::Bool),
        "intValue" => {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            number.map(Any::I64)
        }
        "doubleValue" => {
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            number.map(Any::F64)
        }
        "arrayValue" => {
            let mut values = Vec::new();
            for value in items(value, "values")? {
                values.extend(any(Some(value))?);
            }
            Some(Any::Array(values))
        }
        "kvlistValue" => {
            let mut entries = Vec::new();
            for entry in items(value, "values")? {
                let value = any(entry.get("value"))?;
                entries.extend(value.map(|value| (text(entry, "key").to_owned(), value)));
            }
            Some(Any::Map(entries))
        }
        _ => return Ok(None),
    };
    read.map(Some)
        .ok_or_else(|| DecodeError::new(&format!("{field}: not of its type")))
}

/// An array of a field; an absent one is empty.
///
/// # Errors
///
/// Returns an error for another type than an array. `null` is the same as an absent field in ProtoJSON.
fn items<'a>(object: &'a Value, field: &str) -> Result<&'a [Value], DecodeError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(DecodeError::new(&format!("{field}: not an array"))),
    }
}

/// The text of a field; an absent one is empty.
///
/// A field of another type is empty too: texts are for display, so they do not refuse a request.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A whole number that is not negative; an absent one is 0.
///
/// 64-bit numbers are text in ProtoJSON; some senders write JSON numbers, which are accepted as long as they are
/// whole.
///
/// # Errors
///
/// Returns an error for a negative number, a fraction, and a number above 64 bits.
fn number(object: &Value, field: &str) -> Result<u64, DecodeError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .ok_or_else(|| DecodeError::new(&format!("{field}: not such a number"))),
    }
}

/// An id in hexadecimal, or in base64 as some exporters write it; the two differ in length.
///
/// The OTLP specification requires hexadecimal, in contrast to ProtoJSON, which has base64 for bytes.
///
/// `None` for another length or digit, and then the record has no id.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() == 2 * N && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        return Some(bytes);
    }
    let digits = text.trim_end_matches('=');
    if digits.len() != (8 * N).div_ceil(6) {
        return None;
    }
    let (mut bits, mut count, mut at) = (0u32, 0, 0);
    for digit in digits.bytes() {
        bits = (bits << 6 | u32::from(base64_digit(digit)?)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            *bytes.get_mut(at)? = (bits >> count) as u8;
            at += 1;
        }
    }
    Some(bytes)
}

/// Value of a digit, of the standard or the URL-safe alphabet (RFC 4648, sections 4 and 5).
fn base64_digit(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

//! Halves of an encoded request.
//!
//! The worker calls it for a request on disk that is too large for the collector: its spans exist only as encoded bytes.
//! Requests in memory are encoded again with fewer spans instead.

use serde_json::{Map, Value};

use super::settings::Protocol;
use crate::proto::{Field, Writer, fields};

/// The two halves of an encoded request, each with its number of spans; `None` if it has fewer than two spans, or is not
/// a request.
///
/// Both halves repeat the resources and scopes of their spans, so each is a request of its own.
pub(super) fn halves(body: &[u8], protocol: Protocol) -> Option<[(Vec<u8>, u64); 2]> {
    match protocol {
        Protocol::HttpJson => of_json(body),
        _ => of_protobuf(body),
    }
}

// Field numbers from a request down to its spans: ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans,
// ScopeSpans.spans.
const RESOURCE_SPANS: u64 = 1;
const SCOPE_SPANS: u64 = 2;
const SPANS: u64 = 2;

/// The field numbers from the request down to the spans.
const PATH: [u64; 3] = [RESOURCE_SPANS, SCOPE_SPANS, SPANS];

fn of_protobuf(body: &[u8]) -> Option<[(Vec<u8>, u64); 2]> {
    let spans = count(body, &PATH)?;
    let first = spans / 2;
    if first == 0 {
        return None;
    }
    let mut halves = [
        Writer::with_capacity(body.len() / 2),
        Writer::with_capacity(body.len() / 2),
    ];
    let [head, tail] = &mut halves;
    part(body, &PATH, 0..first, &mut 0, head)?;
    part(body, &PATH, first..spans, &mut 0, tail)?;
    let [head, tail] = halves.map(Writer::into_bytes);
    Some([(head, first), (tail, spans - first)])
}

/// The number of spans below a message.
fn count(message: &[u8], path: &[u64]) -> Option<u64> {
    let (step, rest) = path.split_first()?;
    let mut sum = 0;
    for field in fields(message) {
        if let (number, Field::Bytes(inner)) = field.ok()?
            && number == *step
        {
            sum += if rest.is_empty() {
                1
            } else {
                count(inner, rest)?
            };
        }
    }
    Some(sum)
}

/// Writes a message with only the spans in `range`; `at` is the number of the next span.
fn part(
    message: &[u8],
    path: &[u64],
    range: std::ops::Range<u64>,
    at: &mut u64,
    out: &mut Writer,
) -> Option<()> {
    let (step, rest) = path.split_first()?;
    for field in fields(message) {
        match field.ok()? {
            (number, Field::Bytes(inner)) if number == *step && rest.is_empty() => {
                if range.contains(at) {
                    out.bytes_always(number as u32, inner);
                }
                *at += 1;
            }
            (number, Field::Bytes(inner)) if number == *step => {
                let mut written = Writer::default();
                let before = *at;
                part(inner, rest, range.clone(), at, &mut written)?;
                // a resource or scope without spans is left out
                if before < range.end && *at > range.start {
                    out.bytes_always(number as u32, &written.into_bytes());
                }
            }
            (number, Field::Bytes(inner)) => out.bytes_always(number as u32, inner),
            // requests of this crate have no other fields above their spans
            (_, Field::Number(_)) => return None,
        }
    }
    Some(())
}

fn of_json(body: &[u8]) -> Option<[(Vec<u8>, u64); 2]> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let spans = json_count(&request, &JSON_PATH);
    let first = spans / 2;
    if first == 0 {
        return None;
    }
    let half = |range: std::ops::Range<u64>| {
        let part = json_part(&request, &JSON_PATH, range, &mut 0)?;
        serde_json::to_vec(&part).ok()
    };
    Some([
        (half(0..first)?, first),
        (half(first..spans)?, spans - first),
    ])
}

const JSON_PATH: [&str; 3] = ["resourceSpans", "scopeSpans", "spans"];

fn json_count(message: &Value, path: &[&str]) -> u64 {
    let Some((step, rest)) = path.split_first() else {
        return 1;
    };
    let parts = message.get(step).and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .map(|part| json_count(part, rest))
        .sum()
}

/// A message with only the spans in `range`; `None` if there are none.
fn json_part(
    message: &Value,
    path: &[&str],
    range: std::ops::Range<u64>,
    at: &mut u64,
) -> Option<Value> {
    let Some((step, rest)) = path.split_first() else {
        let here = range.contains(at);
        *at += 1;
        return here.then(|| message.clone());
    };
    let parts = message.get(step)?.as_array()?;
    let parts: Vec<Value> = parts
        .iter()
        .filter_map(|part| json_part(part, rest, range.clone(), at))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let others = message.as_object()?.iter().filter(|(key, _)| key != step);
    let others = others.map(|(key, value)| (key.clone(), value.clone()));
    let mut own: Map<String, Value> = others.collect();
    own.insert((*step).to_owned(), parts.into());
    Some(own.into())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;

    /// Two resources of two scopes each, with these numbers of spans.
    fn request(counts: [[usize; 2]; 2]) -> ExportTraceServiceRequest {
        let mut name = 0;
        let resource_spans = counts.iter().map(|counts| ResourceSpans {
            resource: Some(Resource {
                dropped_attributes_count: 7,
                ..Resource::default()
            }),
            scope_spans: counts
                .iter()
                .map(|count| ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: format!("scope of {count}"),
                        ..InstrumentationScope::default()
                    }),
                    spans: (0..*count)
                        .map(|_| {
                            name += 1;
                            Span {
                                name: format!("span {name}"),
                                ..Span::default()
                            }
                        })
                        .collect(),
                    schema_url: "schema".to_owned(),
                })
                .collect(),
            schema_url: "schema".to_owned(),
        });
        ExportTraceServiceRequest {
            resource_spans: resource_spans.collect(),
        }
    }

    /// Each span with its resource and scope.
    fn spans(request: &ExportTraceServiceRequest) -> Vec<(u32, String, String)> {
        let mut found = Vec::new();
        for resource in &request.resource_spans {
            assert!(!resource.scope_spans.is_empty());
            assert_eq!(resource.schema_url, "schema");
            for scope in &resource.scope_spans {
                assert!(!scope.spans.is_empty());
                let of = resource.resource.as_ref().unwrap().dropped_attributes_count;
                let name = scope.scope.as_ref().unwrap().name.clone();
                found.extend(
                    scope
                        .spans
                        .iter()
                        .map(|span| (of, name.clone(), span.name.clone())),
                );
            }
        }
        found
    }

    #[test]
    fn halves_hold_each_span_once_under_its_resource_and_scope() {
        for counts in [
            [[1, 2], [3, 4]],
            [[1, 1], [1, 1]],
            [[9, 1], [1, 1]],
            [[1, 1], [1, 8]],
        ] {
            let whole = request(counts);
            let encoded = [
                (whole.encode_to_vec(), Protocol::HttpProtobuf),
                (serde_json::to_vec(&whole).unwrap(), Protocol::HttpJson),
            ];
            for (body, protocol) in encoded {
                let decoded = halves(&body, protocol).unwrap().map(|(half, count)| {
                    let half: ExportTraceServiceRequest = match protocol {
                        Protocol::HttpJson => serde_json::from_slice(&half).unwrap(),
                        _ => ExportTraceServiceRequest::decode(half.as_slice()).unwrap(),
                    };
                    assert_eq!(spans(&half).len() as u64, count);
                    spans(&half)
                });
                assert!(decoded[0].len().abs_diff(decoded[1].len()) <= 1);
                assert_eq!(decoded.concat(), spans(&whole), "{counts:?} {protocol:?}");
            }
        }
    }

    #[test]
    fn one_span_or_garbage_has_no_halves() {
        let mut one = request([[1, 1], [1, 1]]);
        one.resource_spans.truncate(1);
        one.resource_spans[0].scope_spans.truncate(1);
        assert_eq!(halves(&one.encode_to_vec(), Protocol::HttpProtobuf), None);
        assert_eq!(
            halves(&serde_json::to_vec(&one).unwrap(), Protocol::HttpJson),
            None
        );
        for garbage in [
            &b"\xff\xff"[..],
            b"",
            b"{}",
            b"[]",
            b"{\"resourceSpans\":1}",
        ] {
            assert_eq!(halves(garbage, Protocol::HttpProtobuf), None);
            assert_eq!(halves(garbage, Protocol::HttpJson), None);
        }
    }
}

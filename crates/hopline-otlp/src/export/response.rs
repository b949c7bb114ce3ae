//! Bodies of responses: partial success, messages of failure, and bodies that are not OTLP.
//!
//! Both transports parse bodies here. Everything is a peer's text: it is limited in size, and escaped before it is shown.

use hopline_core::text::shown;
use reqwest::StatusCode;
use serde_json::Value;

use crate::proto::{Field, fields};

/// The partial success of an `ExportTraceServiceResponse` or, with data points for spans, an `ExportMetricsServiceResponse`; zero and empty if all spans were accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartialSuccess {
    pub(super) rejected: u64,
    pub(super) message: String,
}

impl PartialSuccess {
    /// All spans accepted, with a remark about a response that could not be read completely.
    pub(super) fn remark(message: &str) -> Self {
        Self {
            rejected: 0,
            message: message.to_owned(),
        }
    }
}

/// The number of characters of a peer's message that a notice shows.
const MAX_MESSAGE: usize = 200;

/// The largest JSON body that is parsed: its values take up to sixteen times as much memory.
const MAX_JSON: usize = 256 * 1024;

/// Parses the body of a 2xx response; `None` if it is not OTLP.
pub(super) fn partial_success(content_type: Option<&str>, body: &[u8]) -> Option<PartialSuccess> {
    let content_type = essence(content_type);
    let object = body.trim_ascii_start().starts_with(b"{");
    match () {
        () if body.is_empty() => Some(PartialSuccess::default()),
        () if content_type.contains("json") => from_json(body),
        // the type that some frameworks set by default
        () if content_type == "text/plain" && object => from_json(body),
        () if is_unset(&content_type) && object => from_json(body),
        () if is_unset(&content_type) || content_type.contains("protobuf") => from_protobuf(body),
        () => None,
    }
}

/// False if a response with this content type cannot be OTLP.
pub(super) fn may_be_otlp(content_type: Option<&str>) -> bool {
    let content_type = essence(content_type);
    is_unset(&content_type) || content_type.contains("json") || content_type.contains("protobuf")
}

fn is_unset(content_type: &str) -> bool {
    matches!(content_type, "" | "application/octet-stream")
}

/// A media type without its parameters.
fn essence(content_type: Option<&str>) -> String {
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The reason text for a success that no collector sends.
pub(super) fn not_otlp(status: StatusCode, content_type: Option<&str>) -> String {
    let what = content_type.unwrap_or("a body without a type");
    let what = shown(what, MAX_MESSAGE);
    format!(
        "the answer is {status} with {what}, which is not OTLP: a login page, or the port of another service"
    )
}

/// The message in a response of failure: a `google.rpc.Status`, JSON with a message, or plain text.
pub(super) fn failure(content_type: Option<&str>, body: &[u8]) -> String {
    let content_type = essence(content_type);
    let message = match () {
        () if content_type.contains("protobuf") => {
            fields(body).find_map(|field| match field.ok()? {
                (2, Field::Bytes(message)) => Some(String::from_utf8_lossy(message).into_owned()),
                _ => None,
            })
        }
        () if content_type.contains("json") => json_message(body),
        // a page for browsers is searched for words about size only
        () => Some(String::from_utf8_lossy(body).into_owned()),
    };
    message.unwrap_or_default()
}

fn json_message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let message = ["message", "error", "detail"]
        .iter()
        .find_map(|key| body.get(key)?.as_str());
    message.map(str::to_owned)
}

/// A sentence followed by the peer's message, unless that is empty or a page for browsers.
pub(super) fn with_message(sentence: String, message: &str) -> String {
    let message = message.trim();
    if message.is_empty() || message.starts_with('<') {
        return sentence;
    }
    format!("{sentence}: {}", shortened(message))
}

/// The start of a peer's message, escaped.
pub(super) fn shortened(message: &str) -> String {
    shown(message, MAX_MESSAGE).to_string()
}

/// True if a message of failure is about the size of the request.
///
/// Text is the only sign: over HTTP many servers and proxies send 400 or 500 for it, and over gRPC they use
/// `RESOURCE_EXHAUSTED`, `OUT_OF_RANGE`, `INTERNAL` or `UNKNOWN`, codes that mean other failures as well. The list has the
/// messages of the common servers; a request that is taken for too large by mistake is only sent in halves.
pub(super) fn is_about_size(message: &str) -> bool {
    const WORDS: [&str; 14] = [
        "too large",
        "too big",
        "request too long",
        "larger than",
        "exceeds maximum",
        "exceeds the maximum",
        "exceeds max",
        "exceeds limit",
        "exceeds the limit",
        "exceeded the maximum",
        "length limit",
        "size limit",
        "size exceed",
        "larger size than",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

fn from_protobuf(body: &[u8]) -> Option<PartialSuccess> {
    let mut partial = PartialSuccess::default();
    for field in fields(body) {
        let (1, Field::Bytes(inner)) = field.ok()? else {
            continue;
        };
        for field in fields(inner) {
            match field.ok()? {
                (1, Field::Number(rejected)) => {
                    partial.rejected = not_negative(rejected.cast_signed())
                }
                (2, Field::Bytes(message)) => {
                    partial.message = String::from_utf8_lossy(message).into_owned()
                }
                _ => {}
            }
        }
    }
    Some(partial)
}

fn from_json(body: &[u8]) -> Option<PartialSuccess> {
    if body.len() > MAX_JSON {
        return Some(PartialSuccess::remark("its answer is too long to be read"));
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let partial = &body
        .as_object()?
        .get("partialSuccess")
        .unwrap_or(&Value::Null);
    let rejected = match &partial["rejectedSpans"] {
        Value::Null => &partial["rejectedDataPoints"],
        spans => spans,
    };
    let rejected = rejected
        .as_i64()
        .or_else(|| rejected.as_str()?.parse().ok())
        .unwrap_or(0);
    let message = partial["errorMessage"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Some(PartialSuccess {
        rejected: not_negative(rejected),
        message,
    })
}

fn not_negative(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let partial = ExportTracePartialSuccess {
            rejected_spans: 3,
            error_message: "too old".to_owned(),
        };
        let answer = ExportTraceServiceResponse {
            partial_success: Some(partial),
        };
        let expected = Some(PartialSuccess {
            rejected: 3,
            message: "too old".to_owned(),
        });
        assert_eq!(
            partial_success(Some("application/x-protobuf"), &answer.encode_to_vec()),
            expected
        );
        for body in [
            r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#,
            r#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"too old"}}"#,
        ] {
            assert_eq!(
                partial_success(Some("application/json; charset=utf-8"), body.as_bytes()),
                expected
            );
        }
    }

    #[test]
    fn an_empty_response_means_that_all_spans_were_accepted() {
        let all = Some(PartialSuccess::default());
        assert_eq!(partial_success(None, b""), all);
        assert_eq!(partial_success(Some("application/json"), b"{}"), all);
        // by frameworks that name no type, or their own
        assert_eq!(partial_success(None, b"{}"), all);
        assert_eq!(
            partial_success(Some("text/plain; charset=utf-8"), b" {}"),
            all
        );
        assert_eq!(partial_success(Some("text/html"), b""), all);
        assert_eq!(
            partial_success(Some("application/json"), br#"{"partialSuccess":null}"#),
            all
        );
        // rejected -1
        let negative = [
            0x0a, 11, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ];
        assert_eq!(partial_success(None, &negative), all);
    }

    #[test]
    fn messages_of_common_servers_about_size_are_recognised() {
        for message in [
            // net/http, grpc-go, grpc-java, grpc-core, grpc-dotnet, tonic, axum, API gateways
            "http: request body too large",
            "grpc: received message larger than max (5242880 vs. 4194304)",
            "gRPC message exceeds maximum size 4194304: 5242880",
            "Received message larger than max (5242880 vs. 4194304)",
            "Received message exceeds the maximum configured message size.",
            "Error, decoded message length too large: found 5242880 bytes, the limit is: 4194304 bytes",
            "Failed to buffer the request body: length limit exceeded",
            "Request Too Long",
            "Payload size exceeds the limit",
        ] {
            assert!(is_about_size(message), "{message}");
        }
        for message in ["", "quota exceeded", "unknown field", "rate limit exceeded"] {
            assert!(!is_about_size(message), "{message}");
        }
    }

    #[test]
    fn the_message_of_a_failure_is_found_and_a_page_is_not_shown() {
        // google.rpc.Status: code 3, message "no"
        assert_eq!(
            failure(Some("application/x-protobuf"), b"\x08\x03\x12\x02no"),
            "no"
        );
        assert_eq!(
            failure(Some("application/json"), br#"{"code":3,"message":"no"}"#),
            "no"
        );
        assert_eq!(failure(Some("application/json"), b"{"), "");
        assert_eq!(failure(Some("text/plain"), b"no"), "no");
        let sentence = || "it failed".to_owned();
        assert_eq!(with_message(sentence(), "no\n"), "it failed: no");
        assert_eq!(with_message(sentence(), "<html>no"), "it failed");
        assert_eq!(
            with_message(sentence(), "a\u{1b}[2J"),
            r"it failed: a\u{1b}[2J"
        );
    }

    #[test]
    fn garbage_is_not_otlp() {
        assert_eq!(partial_success(Some("text/html"), b"<html>"), None);
        assert_eq!(
            partial_success(Some("Text/HTML; charset=utf-8"), b"<html>"),
            None
        );
        assert_eq!(partial_success(Some("text/plain"), b"OK"), None);
        assert_eq!(partial_success(None, b"<html>"), None);
        assert_eq!(partial_success(None, b"OK"), None);
        assert_eq!(partial_success(Some("application/json"), b"[]"), None);
        assert_eq!(partial_success(Some("application/json"), b"{"), None);
        assert_eq!(partial_success(None, &[0x0a, 200, 1]), None);
    }
}

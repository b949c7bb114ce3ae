//! What a collector says to a request it took.

use serde_json::Value;

use crate::proto::{Field, fields};

/// The partial success of an `ExportTraceServiceResponse`; all zero and empty if everything was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Partial {
    pub(super) rejected: u64,
    pub(super) message: String,
}

/// Reads the body of a 2xx answer; `None` if it is not an OTLP answer.
pub(super) fn partial_success(content_type: Option<&str>, body: &[u8]) -> Option<Partial> {
    let content_type = content_type.unwrap_or_default();
    match () {
        () if body.is_empty() => Some(Partial::default()),
        () if content_type.contains("json") => from_json(body),
        () if content_type.starts_with("text/") => None,
        () => from_protobuf(body),
    }
}

fn from_protobuf(body: &[u8]) -> Option<Partial> {
    let mut partial = Partial::default();
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

fn from_json(body: &[u8]) -> Option<Partial> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let partial = &body
        .as_object()?
        .get("partialSuccess")
        .unwrap_or(&Value::Null);
    let rejected = &partial["rejectedSpans"];
    let rejected = rejected
        .as_i64()
        .or_else(|| rejected.as_str()?.parse().ok())
        .unwrap_or(0);
    let message = partial["errorMessage"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Some(Partial {
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
        let expected = Some(Partial {
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
    fn nothing_said_means_everything_taken() {
        let all = Some(Partial::default());
        assert_eq!(partial_success(None, b""), all);
        assert_eq!(partial_success(Some("application/json"), b"{}"), all);
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
    fn garbage_is_told_apart() {
        assert_eq!(partial_success(Some("text/html"), b"<html>"), None);
        assert_eq!(partial_success(Some("application/json"), b"[]"), None);
        assert_eq!(partial_success(Some("application/json"), b"{"), None);
        assert_eq!(partial_success(None, &[0x0a, 200, 1]), None);
    }
}

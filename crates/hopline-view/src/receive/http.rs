//! OTLP over HTTP.
//! `receive::router` merges it. Statuses and bodies follow the OTLP specification, section "OTLP/HTTP response".

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::receiver::{BodyError, Encoding, Receiver};
use crate::decode::Signal;

/// The paths that each OTLP exporter uses by default. The specification lists them in section "OTLP/HTTP request":
/// `/v1/` and the name of the signal, below the exporter's endpoint.
pub(super) fn routes() -> Router<Receiver> {
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/logs", post(logs))
        .route("/v1/metrics", post(metrics))
}

/// Receives spans.
///
/// The body is an `ExportTraceServiceRequest`.
async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    take(receiver, Signal::Traces, request).await
}

/// Receives log records.
///
/// The body is an `ExportLogsServiceRequest`. Records outside a trace are counted and not stored.
async fn logs(State(receiver): State<Receiver>, request: Request) -> Response {
    take(receiver, Signal::Logs, request).await
}

/// Receives metrics, which are counted and not stored.
///
/// The body is an `ExportMetricsServiceRequest`. An exporter of all three signals gets no error for this one.
async fn metrics(State(receiver): State<Receiver>, request: Request) -> Response {
    take(receiver, Signal::Metrics, request).await
}

/// Reads, decodes and stores one request. The permit is held from the first byte of the body to the answer.
///
/// Refusals are counted. Exporters retry neither 400 nor 413 nor 415, as the same request would fail again.
///
/// Headers are checked before a permit is awaited, so a request that they refuse takes none.
///
/// Statuses: 200 if stored, 400 if the body cannot be decoded, 408 if it is too slow, 413 if it is too large, 415 for
/// an unknown type or compression.
async fn take(receiver: Receiver, signal: Signal, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(encoding) = encoding(&parts.headers) else {
        receiver.view.reject();
        return refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Encoding::Json,
            "the content type is not application/x-protobuf or application/json",
        );
    };
    let is_gzip = match parts
        .headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes())
    {
        None | Some(b"" | b"identity") => false,
        Some(value) if value.eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => {
            receiver.view.reject();
            return refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                encoding,
                "the content encoding is not gzip",
            );
        }
    };
    let _permit = receiver.permit().await;
    let body = match receiver.read(body).await {
        Ok(body) => body,
        Err(error) => {
            let status = match error {
                BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            };
            return refused(status, encoding, &error.message());
        }
    };
    match receiver.take(signal, encoding, is_gzip, body).await {
        Ok(()) => accepted(encoding),
        Err(error) => {
            let status = if error.is_too_large() {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            };
            refused(status, encoding, &error.to_string())
        }
    }
}

/// The encoding by the content type, without its parameters; `None` for another one.
///
/// The specification has `application/x-protobuf`; the name `application/protobuf` is accepted too.
///
/// Parameters such as `charset` have no meaning for either type.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let media_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf")
        || media_type.eq_ignore_ascii_case("application/protobuf")
    {
        Some(Encoding::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

/// An `Export…ServiceResponse` without a field: everything was accepted. Section "Full success" requires that
/// `partial_success` is absent then. In Protocol Buffers, a message without fields has no bytes.
///
/// A request of which only log records outside a trace were dropped is a full success too: the sender cannot do
/// anything about it.
fn accepted(encoding: Encoding) -> Response {
    match encoding {
        Encoding::Protobuf => (
            [(header::CONTENT_TYPE, "application/x-protobuf")],
            Body::empty(),
        )
            .into_response(),
        Encoding::Json => Json(json!({})).into_response(),
    }
}

/// A `google.rpc.Status` in the encoding of the request, as the OTLP specification asks.
///
/// The message is cut to 1,000 bytes, since it may quote a part of the body. The field `code` is left out, which the
/// specification permits.
fn refused(status: StatusCode, encoding: Encoding, message: &str) -> Response {
    match encoding {
        Encoding::Json => (status, Json(json!({"message": message}))).into_response(),
        Encoding::Protobuf => {
            // field 2 is the message; its length fits one or two bytes of a varint
            let message = &message.as_bytes()[..message.len().min(1000)];
            let mut body = vec![0x12];
            let mut length = message.len();
            while length >= 0x80 {
                body.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            body.push(length as u8);
            body.extend_from_slice(message);
            (
                status,
                [(header::CONTENT_TYPE, "application/x-protobuf")],
                body,
            )
                .into_response()
        }
    }
}

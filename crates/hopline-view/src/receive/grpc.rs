//! OTLP over gRPC: three unary methods of one message each.
//!
//! The framing is read here, in front of the bounded decompression and decoding that OTLP over HTTP has: generated
//! services would bring an OpenTelemetry SDK as a dependency, and a second set of limits.
//!
//! `receive::router` merges it. Framing and statuses follow the gRPC protocol over HTTP/2.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use http_body::Frame;
use http_body_util::StreamBody;

use super::receiver::{BodyError, Encoding, Receiver};
use crate::decode::Signal;

/// Status codes of gRPC.
#[derive(Clone, Copy, Debug)]
enum Code {
    /// Taken.
    Ok = 0,
    /// The message cannot be decoded.
    InvalidArgument = 3,
    /// The body did not arrive in time.
    DeadlineExceeded = 4,
    /// The message is too large.
    ResourceExhausted = 8,
    /// The compression is not gzip.
    Unimplemented = 12,
}

/// Paths have the form `/PACKAGE.SERVICE/METHOD`. Each service of the OTLP specification has the one method `Export`.
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Path of the log service.
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// Path of the metrics service.
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Bytes before a message: whether it is compressed, and its length. The protocol calls it `Length-Prefixed-Message`:
/// one byte that is 0 or 1, then four bytes in big-endian order.
const PREFIX: usize = 5;

/// The three services of OTLP.
pub(super) fn routes() -> Router<Receiver> {
    Router::new()
        .route(TRACES, post(traces))
        .route(LOGS, post(logs))
        .route(METRICS, post(metrics))
}

/// Receives spans.
///
/// The message is an `ExportTraceServiceRequest`.
async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    answer(take(receiver, Signal::Traces, request).await)
}

/// Receives log records.
///
/// The message is an `ExportLogsServiceRequest`.
async fn logs(State(receiver): State<Receiver>, request: Request) -> Response {
    answer(take(receiver, Signal::Logs, request).await)
}

/// Receives metrics, which are counted and not stored.
///
/// The message is an `ExportMetricsServiceRequest`.
async fn metrics(State(receiver): State<Receiver>, request: Request) -> Response {
    answer(take(receiver, Signal::Metrics, request).await)
}

/// Reads, decodes and stores one request.
///
/// # Errors
///
/// Returns the status code and the text of a refusal, which is counted.
///
/// Clients retry neither `InvalidArgument` nor `Unimplemented`. The OTLP specification, section "OTLP/gRPC response",
/// lists `ResourceExhausted` as retryable only together with `RetryInfo`, which is not sent: the same request would
/// be too large again.
async fn take(receiver: Receiver, signal: Signal, request: Request) -> Result<(), (Code, String)> {
    let (parts, body) = request.into_parts();
    let _permit = receiver.permit().await;
    let body = receiver.read(body).await.map_err(|error| {
        let code = match error {
            BodyError::TooLarge => Code::ResourceExhausted,
            BodyError::TooSlow => Code::DeadlineExceeded,
        };
        (code, error.message())
    })?;
    let refuse = |code, problem: &str| {
        receiver.view.reject();
        (code, problem.to_owned())
    };
    let (is_compressed, message) = message(&body)
        .ok_or_else(|| refuse(Code::InvalidArgument, "not one message with its prefix"))?;
    let encoding = parts
        .headers
        .get("grpc-encoding")
        .map(HeaderValue::as_bytes);
    if is_compressed && encoding != Some(b"gzip") {
        return Err(refuse(Code::Unimplemented, "the encoding is not gzip"));
    }
    let taken = receiver
        .take(signal, Encoding::Protobuf, is_compressed, message)
        .await;
    taken.map_err(|error| {
        let code = if error.is_too_large() {
            Code::ResourceExhausted
        } else {
            Code::InvalidArgument
        };
        (code, error.to_string())
    })
}

/// The one message of a unary call, and whether it is compressed.
///
/// `None` if the length is not that of the rest: a unary call has one message.
///
/// Borrows the message from the body: `Bytes` counts references, so nothing is copied.
fn message(body: &Bytes) -> Option<(bool, Bytes)> {
    let (prefix, message) = body.split_first_chunk::<PREFIX>()?;
    let [flag, length @ ..] = *prefix;
    let is_whole =
        usize::try_from(u32::from_be_bytes(length)).is_ok_and(|length| length == message.len());
    (is_whole && flag <= 1).then(|| (flag == 1, body.slice(PREFIX..)))
}

/// An empty `Export…ServiceResponse` and the status, which are the trailers of a gRPC response.
///
/// A refusal has trailers alone. Its text is ASCII, as `grpc-message` would have to be percent-encoded otherwise.
fn answer(result: Result<(), (Code, String)>) -> Response {
    let mut trailers = HeaderMap::new();
    let (code, text) = match result {
        Ok(()) => (Code::Ok, String::new()),
        Err((code, text)) => (code, text),
    };
    trailers.insert("grpc-status", HeaderValue::from(code as u32));
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '%' {
                c
            } else {
                ' '
            }
        })
        .collect();
    if let Ok(text) = HeaderValue::from_str(&text)
        && !text.is_empty()
    {
        trailers.insert("grpc-message", text);
    }
    let message = matches!(code, Code::Ok).then(|| Frame::data(Bytes::from_static(&[0; PREFIX])));
    let frames = message
        .into_iter()
        .chain([Frame::trailers(trailers)])
        .map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(
        frames,
    ))));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    response
}

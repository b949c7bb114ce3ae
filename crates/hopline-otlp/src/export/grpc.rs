//! OTLP over gRPC: unary calls by tonic's channel, with limits on the response.
//!
//! The transport calls it. A call sends one message and receives one, with the status in headers or trailers.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, TE};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use tokio::time::{Instant, timeout_at};
use tonic::Code;
use tonic::body::Body;
use tonic::client::GrpcService as _;
use tonic::transport::{Channel, Endpoint};

use super::gzip;
use super::problem::{ConfigError, Problem};
use super::reply::{MAX_RESPONSE, Reply, ResponseStatus, RetryCause, USER_AGENT, innermost};
use super::response::{self, PartialSuccess, partial_success};
use super::settings::Settings;
#[cfg(feature = "tls")]
use super::tls::TlsMaterial;

use crate::bytes_text::{base64_decoded, percent_decoded_lossy};
use crate::proto::{Field, fields};

/// A channel to one service.
///
/// Calls are made here and not by tonic's client, which unpacks responses without a limit, panics on a status whose
/// details are not base64, and does not distinguish an unreadable response from a failed call.
pub(super) struct Grpc {
    channel: Channel,
    /// The path of the signal's method.
    method: &'static str,
    headers: HeaderMap,
    gzip: bool,
    timeout: Duration,
}

/// The bytes that are read of a response's headers; a collector may put the details of its status there.
const MAX_HEADERS: u32 = 64 * 1024;

/// The prefix of a message: a byte for compression, and four for its length.
const PREFIX: usize = 5;

impl Grpc {
    /// Sets the channel up; the first call connects. Must be called inside the runtime that sends.
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let set_up = |error: tonic::transport::Error| Problem::Client(innermost(&error));
        let endpoint = Endpoint::from_shared(settings.endpoint.to_string())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(set_up)?
            .connect_timeout(settings.timeout)
            .http2_max_header_list_size(MAX_HEADERS);
        #[cfg(feature = "tls")]
        let endpoint = if settings.endpoint.scheme() == "https" {
            // checked by reqwest: tonic ignores certificates that it cannot use, or fails with the first call
            settings
                .tls
                .apply(reqwest::Client::builder())?
                .build()
                .map_err(|error| Problem::Certificate(innermost(&error)))?;
            let tls = tonic_tls(&settings.tls, settings.timeout);
            endpoint
                .tls_config(tls)
                .map_err(|error| Problem::Certificate(innermost(&error)))?
        } else {
            endpoint
        };
        let mut headers = settings.headers.clone();
        let fixed = [
            (CONTENT_TYPE, "application/grpc"),
            (TE, "trailers"),
            (GRPC_ACCEPT_ENCODING, "gzip,identity"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if settings.gzip {
            headers.insert(GRPC_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            method: settings.signal.grpc_method(),
            headers,
            gzip: settings.gzip,
            timeout: settings.timeout,
        })
    }

    /// A message with its prefix, compressed if the settings ask for it. It can be sent several times.
    pub(super) fn message(&self, body: Vec<u8>) -> Result<Bytes, String> {
        let body = match self.gzip {
            true => gzip::packed(&body).map_err(|error| error.to_string())?,
            false => body,
        };
        let length = u32::try_from(body.len()).map_err(|error| error.to_string())?;
        let mut framed = BytesMut::with_capacity(PREFIX + body.len());
        framed.put_u8(self.gzip.into());
        framed.put_u32(length);
        framed.put_slice(&body);
        Ok(framed.freeze())
    }

    /// Sends a message once.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the collector may or may not have accepted the request.
    pub(super) async fn send(&self, framed: Bytes) -> Reply {
        // one limit for connection and response together
        let deadline = Instant::now() + self.timeout;
        timeout_at(deadline, self.call(framed))
            .await
            .unwrap_or_else(|_| Reply::timed_out(self.timeout))
    }

    async fn call(&self, framed: Bytes) -> Reply {
        let mut request = Request::new(Body::new(Full::new(framed)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = ::http::Uri::from_static(self.method);
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        // a clone is a handle to the same connection
        let mut channel = self.channel.clone();
        let response = async {
            poll_fn(|cx| channel.poll_ready(cx)).await?;
            channel.call(request).await
        };
        match response.await {
            Ok(response) => judge(response).await,
            Err(error) => Reply::from_error(&error),
        }
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

// `from_static` requires lower case
const GRPC_ENCODING: ::http::HeaderName = ::http::HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: ::http::HeaderName =
    ::http::HeaderName::from_static("grpc-accept-encoding");

/// The outcome of a response, from its status in headers or trailers.
async fn judge(response: Response<Body>) -> Reply {
    let (head, mut body) = response.into_parts();
    if let Some(status) = Status::read(&head.headers) {
        // a response of headers only, as failed calls have
        return status
            .judge()
            .unwrap_or(Reply::Accepted(PartialSuccess::default()));
    }
    if head.status != StatusCode::OK {
        return Reply::from_http_status(head.status, &head.headers).unwrap_or_else(|| {
            Reply::Rejected {
                why: format!("the collector answered {}", head.status),
                status: Some(ResponseStatus::Http(head.status)),
            }
        });
    }
    let content_type = text(&head.headers, CONTENT_TYPE.as_str());
    if !content_type.is_some_and(|found| found.starts_with("application/grpc")) {
        return Reply::Unconfirmed(response::not_otlp(head.status, content_type));
    }
    let mut message = Vec::new();
    let mut status = None;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            // the status is missing, so the call may have failed
            Err(error) => return Reply::from_error(&error),
        };
        match frame.into_data() {
            Ok(data) if message.len() + data.len() > PREFIX + MAX_RESPONSE => {
                return Reply::Unconfirmed("its answer exceeds 4 MiB".to_owned());
            }
            Ok(data) => message.extend_from_slice(&data),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                status = Status::read(&trailers);
            }
        }
    }
    let Some(status) = status else {
        return Reply::Unconfirmed("its answer ends without a status".to_owned());
    };
    // the status decides: an unreadable message before a success is a remark only
    status.judge().unwrap_or_else(|| {
        let encoding = text(&head.headers, GRPC_ENCODING.as_str());
        Reply::Accepted(partial(&message, encoding).unwrap_or_else(PartialSuccess::remark))
    })
}

/// The partial success in a message with its prefix, or the reason why it cannot be read.
fn partial(message: &[u8], encoding: Option<&str>) -> Result<PartialSuccess, &'static str> {
    const BROKEN: &str = "its answer cannot be read";
    let Some((prefix, body)) = message.split_at_checked(PREFIX) else {
        return match message.is_empty() {
            true => Ok(PartialSuccess::default()),
            false => Err(BROKEN),
        };
    };
    let plain = match prefix.first() {
        Some(0) => body.to_vec(),
        Some(1) if encoding == Some("gzip") => match gzip::unpacked(body, MAX_RESPONSE) {
            Ok(Some(plain)) => plain,
            Ok(None) => return Err("its answer exceeds 4 MiB once unpacked"),
            Err(_) => return Err("its answer cannot be unpacked"),
        },
        _ => return Err("its answer has a content encoding that was not requested"),
    };
    partial_success(Some("application/x-protobuf"), &plain).ok_or(BROKEN)
}

/// A gRPC status from headers or trailers.
struct Status {
    code: Code,
    message: String,
    /// A `google.rpc.Status` from a well-behaved server; unchecked bytes from others.
    details: Vec<u8>,
}

impl Status {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?;
        let message = text(headers, "grpc-message").map(percent_decoded_lossy);
        let details = text(headers, "grpc-status-details-bin").and_then(base64_decoded);
        Some(Self {
            code: Code::from_bytes(code.as_bytes()),
            message: message.unwrap_or_default(),
            details: details.unwrap_or_default(),
        })
    }

    /// The outcome by the table of [OTLP/gRPC failures]; `None` for success.
    ///
    /// [OTLP/gRPC failures]: https://opentelemetry.io/docs/specs/otlp/#failures
    fn judge(&self) -> Option<Reply> {
        if self.code == Code::Ok {
            return None;
        }
        let after = retry_delay(&self.details);
        let sentence = format!("the collector answered {:?}", self.code);
        let why = response::with_message(sentence, &self.message);
        let later = |why| Reply::Retry {
            after,
            why,
            cause: RetryCause::Requested,
        };
        Some(match self.code {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Unavailable
            | Code::DataLoss => later(why),
            // exhausted for good, unless it names a time to retry
            Code::ResourceExhausted if after.is_some() => later(why),
            Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => self.never(why),
            // no code is specific to it: most servers send ResourceExhausted, tonic OutOfRange
            _ if response::is_about_size(&self.message) => Reply::TooLarge(why),
            Code::OutOfRange => later(why),
            _ => self.never(why),
        })
    }

    fn never(&self, why: String) -> Reply {
        Reply::Rejected {
            why,
            status: Some(ResponseStatus::Grpc(self.code)),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The delay of a `RetryInfo` in the details of a status; malformed details count as absent.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let found = |message, number| {
        fields(message).find_map(move |field| match field.ok()? {
            (at, Field::Bytes(inner)) if at == number => Some(inner),
            _ => None,
        })
    };
    let info = fields(details).find_map(|field| match field.ok()? {
        // an `Any`
        (3, Field::Bytes(any)) if found(any, 1)? == RETRY_INFO => found(any, 2),
        _ => None,
    })?;
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(found(info, 1).unwrap_or_default()) {
        match field.ok()? {
            (1, Field::Number(number)) => seconds = number.cast_signed(),
            (2, Field::Number(number)) => nanos = number.cast_signed(),
            _ => {}
        }
    }
    let seconds = u64::try_from(seconds).ok()?;
    let nanos = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

#[cfg(feature = "tls")]
fn tonic_tls(material: &TlsMaterial, timeout: Duration) -> tonic::transport::ClientTlsConfig {
    use tonic::transport::{Certificate, ClientTlsConfig, Identity};
    let tls = ClientTlsConfig::new().timeout(timeout);
    let tls = match &material.authorities {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_native_roots(),
    };
    match &material.client {
        Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
        None => tls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Writer;

    fn details(type_url: &[u8], seconds: u64, nanos: u64) -> Vec<u8> {
        let mut out = Writer::with_capacity(64);
        out.uint(1, 8);
        out.bytes(2, b"try later");
        out.message(3, 1, |any| {
            any.bytes(1, type_url);
            any.message(2, 1, |info| {
                info.message(1, 1, |delay| {
                    delay.uint(1, seconds);
                    delay.uint(2, nanos);
                });
            });
        });
        out.into_bytes()
    }

    #[test]
    fn a_malformed_retry_info_counts_as_absent() {
        let delay = |seconds, nanos| retry_delay(&details(RETRY_INFO, seconds, nanos));
        assert_eq!(delay(3, 500), Some(Duration::new(3, 500)));
        assert_eq!(delay(0, 0), Some(Duration::ZERO));
        assert_eq!(delay(u64::MAX, 0), None, "a negative delay");
        assert_eq!(delay(0, 1_000_000_000), None);
        let other = details(b"type.googleapis.com/google.rpc.Help", 3, 0);
        assert_eq!(retry_delay(&other), None);
        let whole = details(RETRY_INFO, 3, 500);
        for cut in 0..whole.len() {
            assert_eq!(retry_delay(&whole[..cut]), None, "cut at {cut}");
        }
    }
}

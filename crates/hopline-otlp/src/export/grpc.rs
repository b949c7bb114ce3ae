//! OTLP over gRPC.

use std::time::Duration;

use ::http::HeaderMap;
use ::http::uri::PathAndQuery;
use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::time::{Instant, timeout_at};
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::answer::{Partial, partial_success};
#[cfg(feature = "tls")]
use super::http;
use super::problem::{ConfigError, Problem};
use super::settings::Settings;
#[cfg(feature = "tls")]
use super::settings::Trust;
use super::transport::{MAX_ANSWER, Reply, USER_AGENT, innermost, is_refused};
use crate::proto::{Field, fields};

/// Makes calls to one service.
#[derive(Debug)]
pub(super) struct Grpc {
    client: Client<Channel>,
    headers: HeaderMap,
    timeout: Duration,
}

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The most that is read of an answer's headers, in which a collector may put the details of its status.
const MAX_HEADERS: u32 = 64 * 1024;

impl Grpc {
    /// Connects with the first call. Must be called inside the runtime that will send.
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let set_up = |error: tonic::transport::Error| Problem::Client(innermost(&error));
        let endpoint = Endpoint::from_shared(settings.endpoint.to_string())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(set_up)?
            .connect_timeout(settings.timeout)
            .http2_max_header_list_size(MAX_HEADERS);
        #[cfg(feature = "tls")]
        let endpoint = if settings.endpoint.scheme() == "https" {
            // tonic passes over what it cannot use, and would tell with the first call at best
            http::trusting(reqwest::Client::builder(), &settings.trust)?
                .build()
                .map_err(|error| Problem::Certificate(innermost(&error)))?;
            let tls = trusting(&settings.trust, settings.timeout);
            endpoint
                .tls_config(tls)
                .map_err(|error| Problem::Certificate(innermost(&error)))?
        } else {
            endpoint
        };
        // no packed answers: they are a few bytes, and what is not unpacked needs no cap of its own
        let mut client = Client::new(endpoint.connect_lazy()).max_decoding_message_size(MAX_ANSWER);
        if settings.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        Ok(Self {
            client,
            headers: settings.headers.clone(),
            timeout: settings.timeout,
        })
    }

    /// Sends it once.
    ///
    /// # Cancellation
    ///
    /// The collector may have taken the request or not.
    pub(super) async fn send(&self, body: Bytes) -> Reply {
        // a clone is another handle to the same connection
        let mut client = self.client.clone();
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let request = Request::from_parts(metadata, Default::default(), body);
        let call = async {
            client
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            client
                .unary(request, PathAndQuery::from_static(EXPORT), Raw)
                .await
        };
        // one limit for all of it: a slow answer has no more time than a slow connection
        match timeout_at(Instant::now() + self.timeout, call).await {
            Ok(Ok(answer)) => Reply::Taken(answer.into_inner()),
            Ok(Err(status)) => judge(&status),
            Err(_) => Reply::Later {
                after: None,
                why: format!("no answer within {:?}", self.timeout),
                refused: false,
            },
        }
    }
}

/// As the [OTLP/gRPC failures] say.
///
/// [OTLP/gRPC failures]: https://opentelemetry.io/docs/specs/otlp/#failures
fn judge(status: &Status) -> Reply {
    let after = retry_delay(status.details());
    let why = format!("the collector answered {:?}", status.code());
    // with a cause it is this process's own: the connection failed, and the code says little
    if std::error::Error::source(status).is_some() {
        return Reply::Later {
            after: None,
            why: innermost(status),
            refused: is_refused(status),
        };
    }
    match status.code() {
        // tonic's own words for an answer over the cap, under a code that would otherwise mean "again"
        Code::OutOfRange if status.message().contains("message length too large") => {
            Reply::Never("the answer exceeds 4 MiB".to_owned())
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Reply::Later {
            after,
            why,
            refused: false,
        },
        // exhausted for good, unless it says when it will not be
        Code::ResourceExhausted if after.is_some() => Reply::Later {
            after,
            why,
            refused: false,
        },
        _ => Reply::Never(why),
    }
}

/// The `RetryInfo` in the details of a status, a `google.rpc.Status`; what is malformed counts as absent.
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
fn trusting(trust: &Trust, timeout: Duration) -> tonic::transport::ClientTlsConfig {
    use tonic::transport::{Certificate, ClientTlsConfig, Identity};
    let tls = ClientTlsConfig::new().timeout(timeout);
    let tls = match &trust.authorities {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_native_roots(),
    };
    match &trust.client {
        Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
        None => tls,
    }
}

/// Requests are bytes already, and of an answer only the partial success counts.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Partial;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(body.len());
        out.put(body);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Partial;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Partial>, Status> {
        let answer = answer.copy_to_bytes(answer.remaining());
        // whatever is wrong with it, the spans were taken and must not be sent again
        Ok(Some(partial_success(None, &answer).unwrap_or_else(|| {
            Partial {
                rejected: 0,
                message: "its answer is not OTLP; is the endpoint right?".to_owned(),
            }
        })))
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
    fn a_retry_info_is_found_or_is_absent() {
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

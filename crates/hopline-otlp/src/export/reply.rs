//! The outcome of one attempt to send a request, as both transports report it.
//!
//! `http.rs` and `grpc.rs` make replies from responses and errors; the worker and the check decide by them.
//!
//! | reply | HTTP | gRPC |
//! |---|---|---|
//! | `Accepted` | 2xx with an OTLP body | `OK` |
//! | `Unconfirmed` | 2xx with another body | another content type, or no status |
//! | `TooLarge` | 413, or a failure whose message is about size | a failure whose message is about size |
//! | `Retry` | 429, 502, 503, 504, a connection error, a time-out | `UNAVAILABLE` and its kin, the same errors |
//! | `Rejected` | any other status | any other status |

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::response::PartialSuccess;
use super::retry::retry_after;

/// The outcome of one attempt.
#[derive(Debug)]
pub(super) enum Reply {
    /// The collector accepted the request, except the spans that it rejected.
    Accepted(PartialSuccess),
    /// The response is a success that no collector sends; the spans have probably not arrived.
    Unconfirmed(String),
    /// The request is larger than the collector accepts; a smaller one may succeed.
    TooLarge(String),
    /// Another attempt may succeed, not before `after` if the collector named a time.
    Retry {
        after: Option<Duration>,
        why: String,
        cause: RetryCause,
    },
    /// No attempt can succeed.
    Rejected {
        why: String,
        status: Option<ResponseStatus>,
    },
}

/// The reason for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryCause {
    /// The response asks for it.
    Requested,
    /// No process listens on the port.
    ConnectionRefused,
    /// The connection failed before a response.
    ConnectionBroken,
    /// The response did not arrive in time.
    TimedOut,
}

/// The status of a response of failure, from which the check derives a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseStatus {
    /// Of OTLP/HTTP, or of a proxy before a gRPC server.
    Http(StatusCode),
    /// Of OTLP/gRPC.
    #[cfg(feature = "grpc")]
    Grpc(tonic::Code),
}

/// The bytes that are read of a response, also after it is unpacked: the limit that OTLP suggests.
pub(super) const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// The `User-Agent` of both transports.
pub(super) const USER_AGENT: &str = concat!("hopline-otlp/", env!("CARGO_PKG_VERSION"));

impl Reply {
    /// An attempt without a complete response within `timeout`.
    pub(super) fn timed_out(timeout: Duration) -> Self {
        Self::Retry {
            after: None,
            why: format!("no answer within {timeout:?}"),
            cause: RetryCause::TimedOut,
        }
    }

    /// An attempt that failed before a response: the connection was refused, broke, or the response was cut off.
    ///
    /// A refused connection is found by the kind of the I/O error in the chain, and not by its text. The distinction matters
    /// at a shutdown, which does not wait for a port without a process.
    pub(super) fn from_error(error: &(dyn Error + 'static)) -> Self {
        let refused = causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        Self::Retry {
            after: None,
            why: innermost(error),
            cause: if refused {
                RetryCause::ConnectionRefused
            } else {
                RetryCause::ConnectionBroken
            },
        }
    }

    /// The meaning of an HTTP status of failure; `None` if it depends on the body. Proxies send these for gRPC too.
    pub(super) fn from_http_status(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let why = format!("the collector answered {status}");
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let after = headers.get(RETRY_AFTER);
                let after = after.and_then(|value| value.to_str().ok());
                Some(Self::Retry {
                    after: after.and_then(|value| retry_after(value, SystemTime::now())),
                    why,
                    cause: RetryCause::Requested,
                })
            }
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge(why)),
            _ if status.is_redirection() => Some(Self::Rejected {
                why: format!("{why}; redirects are not followed"),
                status: Some(ResponseStatus::Http(status)),
            }),
            _ => None,
        }
    }

    /// A request that this process cannot send; it is not tried again.
    pub(super) fn unsendable(why: impl Into<String>) -> Self {
        Self::Rejected {
            why: why.into(),
            status: None,
        }
    }
}

/// The last cause of an error: it names the failure, and does not repeat the URL, which may hold credentials.
///
/// reqwest and tonic wrap the I/O error in several layers, each with the URL in its text.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

/// The causes of an error, the outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

//! One attempt to send one request.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::{StatusCode, Url};

use super::answer::Partial;
use super::endpoint::shown;
#[cfg(feature = "grpc")]
use super::grpc::Grpc;
use super::http::Http;
use super::problem::ConfigError;
use super::settings::{Protocol, Settings};
use crate::encode::protobuf;
use crate::json::json;
use crate::slice::Part;

/// Sends requests to one endpoint.
pub(super) struct Transport {
    wire: Wire,
    endpoint: Url,
    protocol: Protocol,
}

enum Wire {
    Http(Http),
    #[cfg(feature = "grpc")]
    Grpc(Grpc),
}

/// A request, ready to be sent as often as it takes.
pub(super) enum Message {
    Http(Box<reqwest::Request>),
    #[cfg(feature = "grpc")]
    Grpc(bytes::Bytes),
}

/// The end of an attempt.
#[derive(Debug)]
pub(super) enum Reply {
    /// The collector took the request, but for the spans it names.
    Taken(Partial),
    /// Something answered with success that is not a collector, as far as its answer tells.
    Unconfirmed(String),
    /// The request is larger than what is taken there; a smaller one may be.
    TooLarge(String),
    /// It may succeed later, not before `after` if that was asked.
    Later {
        after: Option<Duration>,
        why: String,
        cause: Cause,
    },
    /// It does not succeed, however often it is tried.
    Never {
        why: String,
        status: Option<AnswerStatus>,
    },
}

/// The reason for which an attempt is to be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The collector asks for it.
    Asked,
    /// No process listens there.
    Refused,
    /// The connection failed before there was an answer.
    Broken,
    /// There was no answer in time.
    Slow,
}

/// The status of an answer, for those who know a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerStatus {
    Http(StatusCode),
    #[cfg(feature = "grpc")]
    Grpc(tonic::Code),
}

/// The most that OTLP suggests to read of an answer, also after it is unpacked.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;

pub(super) const USER_AGENT: &str = concat!("hopline-otlp/", env!("CARGO_PKG_VERSION"));

impl Transport {
    /// Must be called inside the runtime that will send.
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let wire = match settings.protocol {
            Protocol::HttpProtobuf | Protocol::HttpJson => Wire::Http(Http::new(settings)?),
            #[cfg(feature = "grpc")]
            Protocol::Grpc => Wire::Grpc(Grpc::new(settings)?),
        };
        Ok(Self {
            wire,
            endpoint: settings.endpoint.clone(),
            protocol: settings.protocol,
        })
    }

    pub(super) fn encode<P: Part>(&self, parts: &[P], lost: u64) -> Vec<u8> {
        match self.protocol {
            Protocol::HttpJson => json(parts, lost).into_bytes(),
            _ => protobuf(parts, lost),
        }
    }

    pub(super) fn message(&self, body: Vec<u8>) -> Result<Message, String> {
        match &self.wire {
            Wire::Http(http) => http
                .request(body)
                .map(|request| Message::Http(Box::new(request))),
            #[cfg(feature = "grpc")]
            Wire::Grpc(grpc) => grpc.message(body).map(Message::Grpc),
        }
    }

    /// Sends it once.
    ///
    /// # Cancellation
    ///
    /// The collector may have taken the request or not.
    pub(super) async fn send(&self, message: &Message) -> Reply {
        match (&self.wire, message) {
            (Wire::Http(http), Message::Http(request)) => http.send(request).await,
            #[cfg(feature = "grpc")]
            (Wire::Grpc(grpc), Message::Grpc(framed)) => grpc.send(framed.clone()).await,
            #[cfg(feature = "grpc")]
            _ => Reply::Never {
                why: "the request is of another transport".to_owned(),
                status: None,
            },
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The endpoint without what could be a secret.
    pub(super) fn shown_endpoint(&self) -> String {
        shown(&self.endpoint)
    }
}

impl Reply {
    pub(super) fn slow(timeout: Duration) -> Self {
        Self::Later {
            after: None,
            why: format!("no answer within {timeout:?}"),
            cause: Cause::Slow,
        }
    }

    /// Of an attempt that failed on this side of an answer.
    pub(super) fn failed(error: &(dyn Error + 'static)) -> Self {
        let refused = causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        Self::Later {
            after: None,
            why: innermost(error),
            cause: if refused {
                Cause::Refused
            } else {
                Cause::Broken
            },
        }
    }
}

/// Prints nothing of the URL that could be a credential.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("endpoint", &self.shown_endpoint())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The cause at the bottom: it names the failure, and does not repeat the URL, which may hold credentials.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

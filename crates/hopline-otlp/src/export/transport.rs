//! One attempt to send one request.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::Url;

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
#[derive(Debug)]
pub(super) struct Transport {
    wire: Wire,
    endpoint: Url,
    protocol: Protocol,
}

#[derive(Debug)]
enum Wire {
    Http(Http),
    #[cfg(feature = "grpc")]
    Grpc(Grpc),
}

/// A request, ready to be sent as often as it takes.
#[derive(Debug)]
pub(super) enum Message {
    Http(Box<reqwest::Request>),
    #[cfg(feature = "grpc")]
    Grpc(bytes::Bytes),
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Reply {
    /// The collector took the request, but for what it says.
    Taken(Partial),
    /// Not now: it may succeed later, not before `after` if that was asked.
    Later {
        after: Option<Duration>,
        why: String,
        /// True if nobody listens there.
        refused: bool,
    },
    /// Never, however often it is tried.
    Never(String),
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
            Wire::Grpc(_) => Ok(Message::Grpc(body.into())),
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
            (Wire::Grpc(grpc), Message::Grpc(body)) => grpc.send(body.clone()).await,
            #[cfg(feature = "grpc")]
            _ => Reply::Never("the request is of another transport".to_owned()),
        }
    }

    /// What the bodies are, as the ending of a file.
    #[cfg(feature = "spool")]
    pub(super) fn ending(&self) -> &'static str {
        match self.protocol {
            Protocol::HttpJson => "json",
            _ => "pb",
        }
    }

    /// The endpoint without what could be a secret.
    pub(super) fn shown_endpoint(&self) -> String {
        shown(&self.endpoint)
    }
}

/// The cause at the bottom: it says what happened, and does not repeat the URL, which may hold credentials.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

/// True if nobody listens at the address.
pub(super) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

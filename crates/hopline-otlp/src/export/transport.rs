//! Transports: OTLP over HTTP or over gRPC, behind one type.
//!
//! The worker and the check encode spans, make a message of them, and send it, without regard to the protocol. Retries
//! are the worker's. An `enum` and not a trait: there are two, and their messages differ.

use std::fmt;

use reqwest::Url;

use super::endpoint::shown;
#[cfg(feature = "grpc")]
use super::grpc::Grpc;
use super::http::Http;
use super::problem::ConfigError;
use super::reply::Reply;
use super::settings::{Protocol, Settings};
use crate::encode::protobuf;
use crate::json::json;
use crate::slice::SpanGroup;

/// Sends requests to one endpoint, by the protocol of the settings.
pub(super) struct Transport {
    wire: Wire,
    /// For notices; the client has its own copy.
    endpoint: Url,
    /// Decides the encoding.
    protocol: Protocol,
}

/// The client of the protocol.
enum Wire {
    /// OTLP/HTTP, with protobuf or JSON.
    Http(Http),
    #[cfg(feature = "grpc")]
    Grpc(Grpc),
}

/// An encoded request that can be sent several times: encoding and compression are paid once.
///
/// Both kinds are cheap to copy: the body is reference-counted.
pub(super) enum Message {
    Http(Box<reqwest::Request>),
    #[cfg(feature = "grpc")]
    Grpc(bytes::Bytes),
}

impl Transport {
    /// Sets the client up; the connection is made by the first request. Must be called inside the runtime that sends.
    ///
    /// # Errors
    ///
    /// Returns an error if a certificate is unusable or the client cannot be set up.
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

    /// Encodes spans as a request's body, with the number of spans lost before them.
    pub(super) fn encode<P: SpanGroup>(&self, parts: &[P], lost: u64) -> Vec<u8> {
        match self.protocol {
            Protocol::HttpJson => json(parts, lost).into_bytes(),
            _ => protobuf(parts, lost),
        }
    }

    /// Makes a message of a body, compressed if the settings ask for it.
    ///
    /// # Errors
    ///
    /// Returns the reason if the message cannot be made; its spans are lost then.
    pub(super) fn message(&self, body: Vec<u8>) -> Result<Message, String> {
        match &self.wire {
            Wire::Http(http) => http
                .request(body)
                .map(|request| Message::Http(Box::new(request))),
            #[cfg(feature = "grpc")]
            Wire::Grpc(grpc) => grpc.message(body).map(Message::Grpc),
        }
    }

    /// Sends a message once.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the collector may or may not have accepted the request.
    pub(super) async fn send(&self, message: &Message) -> Reply {
        match (&self.wire, message) {
            (Wire::Http(http), Message::Http(request)) => http.send(request).await,
            #[cfg(feature = "grpc")]
            (Wire::Grpc(grpc), Message::Grpc(framed)) => grpc.send(framed.clone()).await,
            #[cfg(feature = "grpc")]
            _ => Reply::unsendable("the request is of another transport"),
        }
    }

    /// The protocol, which decides the encoding.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The endpoint for notices, without credentials and query.
    pub(super) fn shown_endpoint(&self) -> String {
        shown(&self.endpoint)
    }
}

/// Prints the endpoint without credentials.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("endpoint", &self.shown_endpoint())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

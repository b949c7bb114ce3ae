//! The check: one test span, sent now, with the reason and the remedy if it does not arrive.
//!
//! Operators call it at a start or from a probe; it uses the exporter's transport and settings, but not its queue.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hopline_core::{Batch, Incoming, Resource, Sink, SpanBuilder, Tracer};

use reqwest::StatusCode;
#[cfg(feature = "grpc")]
use tonic::Code;

use super::exporter::Exporter;
use super::reply::{Reply, ResponseStatus, RetryCause};
use super::response::shortened;
use super::settings::Protocol;

/// The error of [`Exporter::check`]: the reason why the collector did not accept a test span, and a remedy if one is known.
///
/// `Debug` prints the same text as `Display`.
///
/// # Examples
///
/// ```
/// use hopline_core::Resource;
/// use hopline_otlp::Exporter;
///
/// // no process listens on this port
/// let exporter = Exporter::builder().endpoint("http://127.0.0.1:9").build()?;
/// let error = exporter.check(Resource::new("orders")).unwrap_err();
/// assert!(error.is_retryable() && !error.is_refused());
/// assert!(error.to_string().starts_with("http://127.0.0.1:9/v1/traces: "), "{error}");
/// # Ok::<(), hopline_otlp::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CheckError {
    why: String,
    kind: FailureKind,
}

/// The kind of failure, which decides the questions of [`CheckError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    Retryable,
    Refused,
    NotACollector,
    Other,
}

impl CheckError {
    /// An error with another reason, for checks that wrap this one. Its questions are all false.
    ///
    /// ```
    /// let error = hopline_otlp::CheckError::new("no collector is configured");
    /// assert_eq!(error.to_string(), "no collector is configured");
    /// assert!(!error.is_retryable());
    /// ```
    pub fn new(why: impl Into<String>) -> Self {
        Self::from_kind(FailureKind::Other, why)
    }

    fn from_kind(kind: FailureKind, why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            kind,
        }
    }

    /// True if another check may succeed without a change: no process listens, the connection broke, the time was up, or
    /// the collector asks to wait.
    pub fn is_retryable(&self) -> bool {
        self.kind == FailureKind::Retryable
    }

    /// True if the collector refused the span, for example because of its headers or path. The settings are to be changed.
    pub fn is_refused(&self) -> bool {
        self.kind == FailureKind::Refused
    }

    /// True if something responded with success that is not a collector, such as a login page.
    pub fn is_not_a_collector(&self) -> bool {
        self.kind == FailureKind::NotACollector
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for CheckError {}

hopline_core::debug_as_display!(CheckError);

impl Exporter {
    /// Sends one span named `hopline.check`, and succeeds if the collector accepted it.
    ///
    /// There is one attempt. It bypasses the queue and is not counted. Blocks the thread for at most the exporter's
    /// time-out and one second.
    ///
    /// # Errors
    ///
    /// Returns an error if the collector did not accept the span, or if something responded with success that is not a
    /// collector, such as a login page or another service on that port. It has the reason and, if known, the remedy.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Resource;
    /// use hopline_otlp::Exporter;
    ///
    /// // no process listens on this port
    /// let exporter = Exporter::builder().endpoint("http://127.0.0.1:9").build()?;
    /// let error = exporter.check(Resource::new("orders")).unwrap_err();
    /// assert!(error.to_string().contains("does a collector listen there?"), "{error}");
    /// # Ok::<(), hopline_otlp::ConfigError>(())
    /// ```
    pub fn check(&self, resource: Resource) -> Result<(), CheckError> {
        let (runtime, transport, timeout) = self.sender();
        let body = transport.encode(&test_span(resource), 0);
        let message = transport.message(body).map_err(CheckError::new)?;
        let (done, reply) = mpsc::channel();
        let sending = Arc::clone(transport);
        // Ends with the transport's time-out, or with the export thread's runtime.
        runtime.spawn(async move {
            let _ = done.send(sending.send(&message).await);
        });
        let endpoint = transport.shown_endpoint();
        let (kind, why, remedy) = match reply.recv_timeout(timeout + Duration::from_secs(1)) {
            Ok(reply) => match failure(reply, transport.protocol()) {
                None => return Ok(()),
                Some(failure) => failure,
            },
            Err(RecvTimeoutError::Timeout) => (
                FailureKind::Retryable,
                format!("no answer within {timeout:?}"),
                "",
            ),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(CheckError::new("the exporter was shut down"));
            }
        };
        Err(CheckError::from_kind(
            kind,
            format!("{endpoint}: {why}{remedy}"),
        ))
    }
}

/// The kind of failure, its reason and its remedy, empty if unknown; `None` if the span arrived.
fn failure(reply: Reply, protocol: Protocol) -> Option<(FailureKind, String, &'static str)> {
    use FailureKind::{NotACollector, Refused, Retryable};
    Some(match reply {
        Reply::Accepted(partial) if partial.rejected == 0 => return None,
        Reply::Accepted(partial) => {
            let message = shortened(&partial.message);
            let why = format!("the collector refused the span: {message}");
            (Refused, why, "")
        }
        Reply::Unconfirmed(why) => (
            NotACollector,
            why,
            "; is the endpoint right (OTEL_EXPORTER_OTLP_ENDPOINT)?",
        ),
        Reply::TooLarge(why) => (Refused, why, "; is its limit for requests right?"),
        Reply::Retry { why, cause, .. } => (Retryable, why, remedy_of_cause(cause, protocol)),
        Reply::Rejected { why, status } => (Refused, why, status.map_or("", remedy_of_status)),
    })
}

/// The remedy for an attempt without a response.
fn remedy_of_cause(cause: RetryCause, protocol: Protocol) -> &'static str {
    match (cause, protocol) {
        (RetryCause::ConnectionRefused, _) => "; does a collector listen there?",
        (RetryCause::ConnectionBroken, Protocol::HttpProtobuf | Protocol::HttpJson) => {
            "; is this the port for HTTP (mostly 4318)?"
        }
        #[cfg(feature = "grpc")]
        (RetryCause::ConnectionBroken, Protocol::Grpc) => GRPC_PORT,
        (RetryCause::Requested | RetryCause::TimedOut, _) => "",
    }
}

/// The remedy for a response of failure, by its status.
fn remedy_of_status(status: ResponseStatus) -> &'static str {
    const HEADERS: &str = "; are the headers right (OTEL_EXPORTER_OTLP_HEADERS)?";
    match status {
        ResponseStatus::Http(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => HEADERS,
        ResponseStatus::Http(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
            "; is the path right (OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended)?"
        }
        ResponseStatus::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE) => {
            "; does it take this protocol (OTEL_EXPORTER_OTLP_PROTOCOL)?"
        }
        #[cfg(feature = "grpc")]
        ResponseStatus::Grpc(Code::Unauthenticated | Code::PermissionDenied) => HEADERS,
        #[cfg(feature = "grpc")]
        ResponseStatus::Grpc(Code::Unimplemented) => GRPC_PORT,
        _ => "",
    }
}

#[cfg(feature = "grpc")]
const GRPC_PORT: &str = "; is this the port for gRPC (mostly 4317)?";

/// One finished span, recorded by a tracer of its own, so that no plan, limit or statistics of the application applies.
fn test_span(resource: Resource) -> Vec<Arc<Batch>> {
    let kept = Kept::default();
    let tracer = Tracer::builder()
        .resource(resource)
        .sink(kept.clone())
        .build();
    SpanBuilder::new("hopline.check")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
        .end();
    std::mem::take(&mut *kept.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A sink that holds the one batch. The lock is held for one push, and no other thread uses it.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Sink for Kept {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(batch));
    }
}

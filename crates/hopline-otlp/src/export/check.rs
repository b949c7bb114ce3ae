//! Whether spans would arrive.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hopline_core::{Batch, Incoming, Resource, Sink, SpanBuilder, Tracer};

use reqwest::StatusCode;
#[cfg(feature = "grpc")]
use tonic::Code;

use super::Exporter;
use super::answer::brief;
use super::settings::Protocol;
use super::transport::{AnswerStatus, Cause, Reply};

/// The collector did not take a test span, and why.
///
/// `Debug` prints what `Display` prints.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckError {
    why: String,
}

impl CheckError {
    /// For those who have a reason of their own.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
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
    /// Sends one span named `hopline.check`, and returns whether the collector took it.
    ///
    /// It is tried once, beside the queue and not counted. Blocks the thread for at most the exporter's
    /// time-out and a second.
    ///
    /// # Errors
    ///
    /// Returns an error if the collector did not take it, or if something answers with success that is not a collector,
    /// such as a login page or another service on that port. It names the reason and, where that is known, the remedy.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Resource;
    /// use hopline_otlp::Exporter;
    ///
    /// // a port on which no process listens
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
        let (why, remedy) = match reply.recv_timeout(timeout + Duration::from_secs(1)) {
            Ok(reply) => match unsent(reply, transport.protocol()) {
                None => return Ok(()),
                Some(unsent) => unsent,
            },
            Err(RecvTimeoutError::Timeout) => (format!("no answer within {timeout:?}"), ""),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(CheckError::new("the exporter was shut down"));
            }
        };
        Err(CheckError::new(format!("{endpoint}: {why}{remedy}")))
    }
}

/// Why the span did not arrive, and what to do about it where that is known; `None` if it did arrive.
fn unsent(reply: Reply, protocol: Protocol) -> Option<(String, &'static str)> {
    Some(match reply {
        Reply::Taken(partial) if partial.rejected == 0 => return None,
        Reply::Taken(partial) => {
            let message = brief(&partial.message);
            (format!("the collector refused the span: {message}"), "")
        }
        Reply::Unconfirmed(why) => (
            why,
            "; is the endpoint right (OTEL_EXPORTER_OTLP_ENDPOINT)?",
        ),
        Reply::TooLarge(why) => (why, "; is its limit for requests right?"),
        Reply::Later { why, cause, .. } => (why, remedy_of_cause(cause, protocol)),
        Reply::Never { why, status } => (why, status.map_or("", remedy_of_status)),
    })
}

fn remedy_of_cause(cause: Cause, protocol: Protocol) -> &'static str {
    match (cause, protocol) {
        (Cause::Refused, _) => "; does a collector listen there?",
        (Cause::Broken, Protocol::HttpProtobuf | Protocol::HttpJson) => {
            "; is this the port for HTTP (mostly 4318)?"
        }
        #[cfg(feature = "grpc")]
        (Cause::Broken, Protocol::Grpc) => GRPC_PORT,
        (Cause::Asked | Cause::Slow, _) => "",
    }
}

fn remedy_of_status(status: AnswerStatus) -> &'static str {
    const HEADERS: &str = "; are the headers right (OTEL_EXPORTER_OTLP_HEADERS)?";
    match status {
        AnswerStatus::Http(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => HEADERS,
        AnswerStatus::Http(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
            "; is the path right (OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended)?"
        }
        AnswerStatus::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE) => {
            "; does it take this protocol (OTEL_EXPORTER_OTLP_PROTOCOL)?"
        }
        #[cfg(feature = "grpc")]
        AnswerStatus::Grpc(Code::Unauthenticated | Code::PermissionDenied) => HEADERS,
        #[cfg(feature = "grpc")]
        AnswerStatus::Grpc(Code::Unimplemented) => GRPC_PORT,
        _ => "",
    }
}

#[cfg(feature = "grpc")]
const GRPC_PORT: &str = "; is this the port for gRPC (mostly 4317)?";

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

/// Keeps the one batch; the lock is held for one push.
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

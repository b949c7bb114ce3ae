//! Whether spans would arrive.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hopline_core::{Batch, Incoming, Resource, Sink, SpanBuilder, Tracer, no_attrs};

use super::Exporter;
use super::transport::Reply;

/// The collector did not take a test span, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Exporter {
    /// Sends one span named `hopline.check` and says whether the collector took it.
    ///
    /// It is tried once, beside the queue and not counted. Blocks the thread for at most the exporter's
    /// time-out and a little.
    ///
    /// # Errors
    ///
    /// The collector did not take it; the error says why and, where that is known, what to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Resource;
    /// use hopline_otlp::Exporter;
    ///
    /// // the port of nobody
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
        match reply.recv_timeout(timeout + Duration::from_secs(1)) {
            Ok(Reply::Taken(partial)) if partial.rejected == 0 => Ok(()),
            Ok(Reply::Taken(partial)) => Err(CheckError::new(format!(
                "{endpoint} refused the span: {}",
                super::worker::short(&partial.message)
            ))),
            Ok(Reply::Later {
                refused: true, why, ..
            }) => Err(CheckError::new(format!(
                "{endpoint}: {why}; does a collector listen there?"
            ))),
            Ok(Reply::Later { why, .. } | Reply::Never(why)) => {
                Err(CheckError::new(format!("{endpoint}: {why}{}", hint(&why))))
            }
            Err(RecvTimeoutError::Timeout) => Err(CheckError::new(format!(
                "{endpoint}: no answer within {timeout:?}"
            ))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(CheckError::new("the exporter was shut down"))
            }
        }
    }
}

/// What to do about it, where an answer tells.
fn hint(why: &str) -> &'static str {
    let hints = [
        (
            "401",
            "; are the headers right (OTEL_EXPORTER_OTLP_HEADERS)?",
        ),
        (
            "403",
            "; are the headers right (OTEL_EXPORTER_OTLP_HEADERS)?",
        ),
        (
            "Unauthenticated",
            "; are the headers right (OTEL_EXPORTER_OTLP_HEADERS)?",
        ),
        (
            "404",
            "; is the path right (OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended)?",
        ),
        (
            "Unimplemented",
            "; is this the port for gRPC (mostly 4317)?",
        ),
        (
            "415",
            "; does it take this protocol (OTEL_EXPORTER_OTLP_PROTOCOL)?",
        ),
    ];
    let found = hints.iter().find(|(sign, _)| why.contains(sign));
    found.map_or("", |(_, hint)| hint)
}

fn test_span(resource: Resource) -> Vec<Arc<Batch>> {
    let kept = Kept::default();
    let tracer = Tracer::builder()
        .resource(resource)
        .sink(kept.clone())
        .build();
    SpanBuilder::new("hopline.check")
        .start_root(Some(&tracer), Incoming::default(), no_attrs)
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

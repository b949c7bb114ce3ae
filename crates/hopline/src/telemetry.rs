//! What holds a service's telemetry until its end.

use std::time::Duration;

use hopline_core::{FlushError, Tracer, notify};
use tokio::sync::oneshot;

/// A service's telemetry; its end is the telemetry's end.
///
/// Dropping it flushes for at most 2 seconds. [`shutdown`](Telemetry::shutdown) waits longer and says
/// whether all was written.
#[must_use = "telemetry ends when this is dropped"]
#[derive(Debug)]
pub struct Telemetry {
    tracer: Option<Tracer>,
    #[cfg(feature = "otlp")]
    exporter: Option<hopline_otlp::Exporter>,
    timeout: Duration,
}

/// How long a drop may hold up the process.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl Telemetry {
    pub(crate) fn new(tracer: Option<Tracer>, timeout: Duration) -> Self {
        Self {
            tracer,
            #[cfg(feature = "otlp")]
            exporter: None,
            timeout,
        }
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn with_exporter(mut self, exporter: Option<hopline_otlp::Exporter>) -> Self {
        self.exporter = exporter;
        self
    }

    /// The tracer; none if `OTEL_SDK_DISABLED` says so.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_ref()
    }

    /// Writes what has finished, and records nothing any more.
    ///
    /// Waits for at most 5 seconds, or as long as [the builder](crate::Builder::shutdown_timeout) says,
    /// without blocking the runtime. Call it after the server has drained: what ends later is not waited for.
    ///
    /// # Errors
    ///
    /// Not all spans could be written in time.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the shutdown goes on by itself.
    pub async fn shutdown(mut self) -> Result<(), FlushError> {
        let Some(tracer) = self.tracer.take() else {
            return Ok(());
        };
        let timeout = self.timeout;
        let done = on_a_thread("hopline-shutdown", move || tracer.shutdown(timeout));
        done.await.unwrap_or_else(|| Err(FlushError::failed()))
    }
}

#[cfg(feature = "otlp")]
impl Telemetry {
    /// What sends spans to a collector, with its counts; none if it is told to send none.
    pub fn exporter(&self) -> Option<&hopline_otlp::Exporter> {
        self.exporter.as_ref()
    }

    /// Sends one span named `hopline.check` and says whether the collector took it.
    ///
    /// For a start that wants to know, a readiness probe or a command of the operator's; it waits for the
    /// collector's answer, 10 seconds at most if `OTEL_EXPORTER_OTLP_TIMEOUT` does not say otherwise.
    ///
    /// # Errors
    ///
    /// The collector did not take it, or there is none to ask; the error says why and, where that is known,
    /// what to do.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the span may still arrive.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // the port of nobody
    /// let exporter = hopline::otlp::Exporter::builder().endpoint("http://127.0.0.1:9").build()?;
    /// let telemetry = hopline::builder("orders").exporter(exporter).build()?;
    /// let error = telemetry.check().await.unwrap_err();
    /// assert!(error.to_string().contains("does a collector listen there?"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), hopline_otlp::CheckError> {
        let (Some(tracer), Some(exporter)) = (&self.tracer, &self.exporter) else {
            return Err(hopline_otlp::CheckError::new(
                "spans are sent to no collector: by OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER or without_otlp()",
            ));
        };
        let (resource, exporter) = (tracer.resource().as_ref().clone(), exporter.clone());
        on_a_thread("hopline-check", move || exporter.check(resource))
            .await
            .unwrap_or_else(|| Err(hopline_otlp::CheckError::new("no thread can be started")))
    }
}

/// Runs what blocks on a thread of its own: the runtime may have but this one worker.
///
/// It ends with `work`, which has a time-out, whether or not somebody still waits for it.
async fn on_a_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    let started = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _ = done.send(work());
        });
    started.ok()?;
    result.await.ok()
}

impl Drop for Telemetry {
    /// Blocks for at most `DROP_TIMEOUT`; after `shutdown` there is nothing left to do.
    fn drop(&mut self) {
        if let Some(tracer) = self.tracer.take()
            && let Err(error) = tracer.shutdown(DROP_TIMEOUT)
        {
            notify("shutdown", || error.to_string());
        }
    }
}

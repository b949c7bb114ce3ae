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
    timeout: Duration,
}

/// How long a drop may hold up the process.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl Telemetry {
    pub(crate) fn new(tracer: Option<Tracer>, timeout: Duration) -> Self {
        Self { tracer, timeout }
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
        let (done, result) = oneshot::channel();
        // a thread of its own: sinks block while they flush, and the runtime may have but this one worker
        let work = move || {
            let _ = done.send(tracer.shutdown(timeout));
        };
        match std::thread::Builder::new()
            .name("hopline-shutdown".to_owned())
            .spawn(work)
        {
            Ok(_) => result.await.unwrap_or_else(|_| Err(FlushError::failed())),
            Err(_) => Err(FlushError::failed()),
        }
    }
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

//! The guard of a service's telemetry: shutdown, check and drop.
//!
//! The builder makes it; `main` keeps it until the server has drained.

use std::time::Duration;

use hopline_core::export::FlushError;
use hopline_core::{Notice, Tracer, notify};
use tokio::sync::oneshot;

use crate::live;
#[cfg(feature = "metrics")]
use crate::metering::Metering;

/// The guard of a service's telemetry, which ends with it.
///
/// Dropping it flushes for at most 2 seconds. [`shutdown`](Telemetry::shutdown) waits longer and does not block the runtime.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), hopline::InitError> {
/// let telemetry = hopline::builder("orders").without_exporter().build()?;
/// assert_eq!(telemetry.tracer().unwrap().stats().lost_spans, 0);
/// telemetry.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "telemetry ends when this is dropped; keep it until the end of `main`"]
#[derive(Debug)]
pub struct Telemetry {
    running: Option<Running>,
    #[cfg(feature = "otlp")]
    exporter: Option<hopline_otlp::Exporter>,
    #[cfg(feature = "metrics")]
    metering: Metering,
    timeout: Duration,
}

/// The time that a drop may block.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// The time that a shutdown waits until its notice is written: the hook may hang.
const NOTICES_WAIT: Duration = Duration::from_millis(250);

impl Telemetry {
    pub(crate) fn new(
        tracer: Option<Tracer>,
        #[cfg(feature = "metrics")] metering: Metering,
        timeout: Duration,
    ) -> Self {
        let running = tracer.map(|tracer| {
            let place = live::enter(
                &tracer,
                #[cfg(all(feature = "metrics", feature = "otlp"))]
                metering.exporter().cloned(),
            );
            Running { tracer, place }
        });
        #[cfg(feature = "metrics")]
        if let Some(running) = &running {
            metering.observe(running.place);
        }
        Self {
            running,
            #[cfg(feature = "otlp")]
            exporter: None,
            #[cfg(feature = "metrics")]
            metering,
            timeout,
        }
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn with_exporter(mut self, exporter: Option<hopline_otlp::Exporter>) -> Self {
        #[cfg(feature = "metrics")]
        if let Some(exporter) = &exporter {
            self.metering.observe_exporter(exporter.clone());
        }
        self.exporter = exporter;
        self
    }

    /// The tracer; `None` with `OTEL_SDK_DISABLED=true`.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.running.as_ref().map(|running| &running.tracer)
    }

    /// The metrics of this service: their page, a router for it, objectives.
    ///
    /// With `OTEL_SDK_DISABLED=true` they stay empty.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn run() -> Result<(), hopline::InitError> {
    /// let telemetry = hopline::builder("orders").without_exporter().build()?;
    /// let app = axum::Router::new(); // with its routes and layers
    /// let app: axum::Router = telemetry.metrics().router().merge(app); // the page at /metrics
    /// assert!(telemetry.metrics().render().contains("hopline_tracer_spans_total"));
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(&self) -> &hopline_metrics::Metrics {
        self.metering.metrics()
    }

    /// Exports finished spans, and stops recording.
    ///
    /// Waits for at most 5 seconds, or for [the builder's time](crate::Builder::shutdown_timeout), and a quarter of a second
    /// for notices, without blocking the runtime. Call it after the server has drained: spans that end later are not
    /// waited for. Lost spans give a notice, so a healthy service whose collector is away exits like a healthy service.
    /// [`try_shutdown`](Telemetry::try_shutdown) returns the result.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the shutdown continues in the background.
    pub async fn shutdown(self) {
        let losses = self.losses();
        if let Err(error) = self.try_shutdown().await {
            losses.report(&error);
            let _ = on_a_thread("hopline-notices-flush", || Notice::flush(NOTICES_WAIT)).await;
        }
    }

    /// Like [`shutdown`](Telemetry::shutdown), with the result: for programs that must fail if spans are lost.
    ///
    /// # Errors
    ///
    /// Returns an error if not all spans could be exported in time.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the shutdown continues in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = hopline::builder("import").without_exporter().build()?;
    /// // … work …
    /// telemetry.try_shutdown().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_shutdown(mut self) -> Result<(), FlushError> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let timeout = self.timeout;
        #[cfg(feature = "metrics")]
        let last_metrics = self.metering.close(timeout);
        let done = on_a_thread("hopline-shutdown", move || {
            let result = running.tracer.shutdown(timeout);
            #[cfg(feature = "metrics")]
            last_metrics();
            result
        });
        done.await.unwrap_or_else(|| Err(FlushError::failed()))
    }

    fn losses(&self) -> Losses {
        Losses {
            #[cfg(feature = "otlp")]
            exporter: self.exporter.clone(),
            #[cfg(feature = "otlp")]
            before: self
                .exporter
                .as_ref()
                .map_or(0, |exporter| exporter.stats().lost()),
        }
    }
}

/// A tracer that has not been shut down.
#[derive(Debug)]
struct Running {
    tracer: Tracer,
    /// Its number in the list of live tracers.
    place: u64,
}

impl Drop for Running {
    /// Runs after the shutdown, or if no thread for it could be started.
    fn drop(&mut self) {
        live::leave(self.place);
    }
}

/// The spans lost by a shutdown, for its notice.
struct Losses {
    #[cfg(feature = "otlp")]
    exporter: Option<hopline_otlp::Exporter>,
    /// Spans lost before the shutdown.
    #[cfg(feature = "otlp")]
    before: u64,
}

impl Losses {
    /// Gives the operator a notice.
    fn report(&self, error: &FlushError) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.exporter {
            let lost = exporter.stats().lost().saturating_sub(self.before);
            return notify("shutdown", || {
                format!(
                    "{lost} spans were lost at the end, and {} before it: {exporter} did not take them; see that the \
                     collector is up, or allow more time by Builder::shutdown_timeout",
                    self.before
                )
            });
        }
        notify("shutdown", || error.to_string());
    }
}

#[cfg(feature = "otlp")]
impl Telemetry {
    /// The exporter of metrics, with its counts; `None` if they are not exported over OTLP.
    #[cfg(feature = "metrics")]
    pub fn metrics_exporter(&self) -> Option<&hopline_otlp::MetricsExporter> {
        self.metering.exporter()
    }

    /// The exporter, with its counts; `None` if no collector is configured.
    pub fn exporter(&self) -> Option<&hopline_otlp::Exporter> {
        self.exporter.as_ref()
    }

    /// Sends one span named `hopline.check`, and succeeds if the collector accepted it.
    ///
    /// For a start, a readiness probe or an operator's command. Waits for the collector's response, for at most the time of
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, which defaults to 10 seconds, and one second more.
    ///
    /// # Errors
    ///
    /// Returns an error if the collector did not accept the span, or none is configured. It has the reason and, if known,
    /// the remedy.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the span may still arrive.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // no process listens on this port
    /// let exporter = hopline::otlp::Exporter::builder().endpoint("http://127.0.0.1:9").build()?;
    /// let telemetry = hopline::builder("orders").exporter(exporter).build()?;
    /// let error = telemetry.check().await.unwrap_err();
    /// assert!(error.to_string().contains("does a collector listen there?"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), hopline_otlp::CheckError> {
        let (Some(tracer), Some(exporter)) = (self.tracer(), &self.exporter) else {
            return Err(hopline_otlp::CheckError::new(
                "spans are sent to no collector: by OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER or without_exporter()",
            ));
        };
        let (resource, exporter) = (tracer.resource().as_ref().clone(), exporter.clone());
        on_a_thread("hopline-check", move || exporter.check(resource))
            .await
            .unwrap_or_else(|| Err(hopline_otlp::CheckError::new("no thread can be started")))
    }
}

/// Runs blocking work on a thread of its own: the runtime may have only this one worker.
///
/// The thread ends with `work`, which has a time-out, even if the caller no longer waits.
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
    /// Blocks for at most `DROP_TIMEOUT` and `NOTICES_WAIT`. Does nothing after `shutdown`.
    fn drop(&mut self) {
        let losses = self.losses();
        let Some(running) = self.running.take() else {
            return;
        };
        #[cfg(feature = "metrics")]
        let last_metrics = self.metering.close(DROP_TIMEOUT);
        let result = running.tracer.shutdown_dropped(DROP_TIMEOUT);
        #[cfg(feature = "metrics")]
        last_metrics();
        if let Err(error) = result {
            losses.report(&error);
            Notice::flush(NOTICES_WAIT);
        }
    }
}

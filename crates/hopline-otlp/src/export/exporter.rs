//! The exporter: a sink whose spans a thread of its own sends to a collector.
//!
//! Tracers call [`Sink::accept`] on the application's threads, which only adds to the queue; see the folder's heading for
//! the rest of the way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::export::{Batching, FlushError, Source};
use hopline_core::variables::Variables;
use hopline_core::{Batch, Sink};

use tokio::runtime::Handle as RuntimeHandle;

use super::problem::{ConfigError, Problem};
use super::runtime::ExportRuntime;
use super::settings::Settings;
use super::signal::Signal;
#[cfg(feature = "spool")]
use super::spool::Spool;
#[cfg(feature = "spool")]
use super::spooled::ending;
use super::state::ExportState;
use super::transport::Transport;
use super::variables::set_by_variables;
use super::worker::Worker;
use crate::queue::Queue;
use crate::stats::ExportStats;

/// A [`Sink`] that sends spans to a collector by OTLP, over HTTP or gRPC.
///
/// # Thread and queue
///
/// A thread with a runtime of its own encodes and sends. The application's runtime is neither needed nor blocked, so a
/// flush works anywhere. The queue in between is bounded by spans and by bytes. If it is full, spans of ordinary traces
/// are dropped, the newest first. Traces that failed, were slow (see
/// [`drop_slower_last`](crate::ExporterBuilder::drop_slower_last)), or were kept by a keep rule are dropped last. Each
/// loss is counted in [`stats`](Self::stats), reported by a notice at its start and at its end, and reported to the
/// collector: the first scope of the next request that arrives has `hopline.dropped`, the number of spans lost before it.
///
/// # Retries
///
/// The responses 429, 502, 503 and 504 (over gRPC `UNAVAILABLE` and its kin, and `RESOURCE_EXHAUSTED` with a
/// `RetryInfo`), time-outs and connection errors are retried for at most 5 minutes, with exponential pauses and jitter or
/// as long as the collector asks, up to a minute (see [OTLP failures]). A request that is too large, by status 413, by the
/// message of another failure or by a connection that breaks repeatedly, is sent in halves, down to one span; later
/// requests keep to the accepted size. Any other response of failure drops the request's spans. Spans may arrive twice
/// if the connection breaks after the collector accepted them. Redirects are not followed. A success that is not OTLP, or
/// has more than 4 MiB, makes the spans [unconfirmed](ExportStats::unconfirmed).
///
/// # Flush and shutdown
///
/// A flush fails if it runs out of time, or if accepted spans were lost since the last one; a shutdown fails if it loses
/// spans. A shutdown tries each request once more, regardless of a pause that the collector requested. It does not wait for
/// a collector on whose port no process listens, nor for one that asks for more time than is left.
///
/// A clone is another handle to the same queue and thread. They end with [`Tracer::shutdown`], or within 2 seconds of the
/// last handle's drop.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_core::Tracer;
/// use hopline_otlp::Exporter;
///
/// let exporter = Exporter::builder().endpoint("http://127.0.0.1:4318").build()?;
/// let tracer = Tracer::builder().service("orders").sink(exporter.clone()).build();
/// // … spans …
/// tracer.shutdown(Duration::from_secs(5))?;
/// assert_eq!(exporter.stats().lost(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [OTLP failures]: https://opentelemetry.io/docs/specs/otlp/#failures
/// [`Tracer::shutdown`]: hopline_core::Tracer::shutdown
#[derive(Clone)]
pub struct Exporter(Arc<Handle>);

struct Handle {
    state: Arc<ExportState>,
    transport: Arc<Transport>,
    /// The export thread's runtime, on which a check runs.
    runtime: RuntimeHandle,
    timeout: Duration,
    wire: &'static str,
}

/// The time that an exporter without a shutdown has for waiting spans, after its last handle's drop.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl Exporter {
    /// Builds the exporter from the environment's variables; `None` if `OTEL_TRACES_EXPORTER` names only others.
    ///
    /// The variables are listed on this crate's front page; see [OTLP exporter configuration]. An empty
    /// variable counts as unset. Works inside and outside of an async runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint, a certificate or the spool is unusable, if the protocol is not compiled in,
    /// or if no thread can be started. Other wrong values are ignored, and one notice names them.
    ///
    /// [OTLP exporter configuration]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// Builds the exporter from variables that `variable` looks up, like [`from_env`](Self::from_env).
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_otlp::Exporter;
    ///
    /// let none = |name: &str| (name == "OTEL_TRACES_EXPORTER").then(|| "none".to_owned());
    /// assert!(Exporter::from_variables(&none)?.is_none());
    /// # Ok::<(), hopline_otlp::ConfigError>(())
    /// ```
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let mut variables = Variables::new(variable);
        let settings = Settings::read(&mut variables);
        variables.notify("otlp-env");
        let Some(settings) = settings? else {
            return Ok(None);
        };
        let exporter = Self::spawn(settings);
        exporter
            .map(Some)
            .map_err(|error| set_by_variables(error, &variables, Signal::Traces))
    }

    /// The counts of spans so far: accepted, sent, lost, waiting.
    pub fn stats(&self) -> ExportStats {
        self.0.state.queue.stats()
    }

    /// The parts that a check needs: the runtime, the transport, and the time limit of one attempt.
    pub(super) fn sender(&self) -> (&RuntimeHandle, &Arc<Transport>, Duration) {
        let Handle {
            runtime,
            transport,
            timeout,
            ..
        } = &*self.0;
        (runtime, transport, *timeout)
    }

    /// Opens the spool and starts the export thread.
    pub(super) fn spawn(settings: Settings) -> Result<Self, ConfigError> {
        let runtime = ExportRuntime::new().map_err(Problem::Thread)?;
        let transport = Arc::new(runtime.enter(|| Transport::new(&settings))?);
        let queue = Queue::new(
            settings.bounds,
            settings.wake_at(),
            settings.leftover(),
            "the export queue",
        );
        #[cfg(feature = "spool")]
        let spool = match &settings.spool {
            Some(spool) => {
                let (spool, found) = Spool::open(spool, ending(transport.protocol()))?;
                queue.found_in_spool(found);
                Some(spool)
            }
            None => None,
        };
        let state = Arc::new(ExportState::new(queue));
        let handle = Handle {
            state: Arc::clone(&state),
            transport: Arc::clone(&transport),
            runtime: runtime.handle().clone(),
            timeout: settings.timeout,
            wire: settings.protocol.as_str(),
        };
        let worker = Worker::new(
            state,
            transport,
            &settings,
            #[cfg(feature = "spool")]
            spool,
        );
        // Ends when the queue is closed and empty, or when the time of a shutdown is up.
        let thread = std::thread::Builder::new().name("hopline-export".to_owned());
        thread
            .spawn(move || worker.run(runtime))
            .map_err(Problem::Thread)?;
        Ok(Self(Arc::new(handle)))
    }
}

/// Prints the destination without credentials: `http://localhost:4318/v1/traces (http/protobuf)`.
impl fmt::Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.transport.shown_endpoint(), self.0.wire)
    }
}

impl Sink for Exporter {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.state.queue.offer(batch);
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }

    fn start(&self, source: Source) {
        self.0.state.add(source);
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.state.hand_over();
        self.0.state.queue.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.state.hand_over();
        self.0.state.queue.shutdown(timeout)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("endpoint", &self.0.transport.shown_endpoint())
            .field("stats", &self.stats())
            .finish()
    }
}

impl Drop for Handle {
    /// Asks the thread to end, and does not wait: this may be a thread that serves requests.
    fn drop(&mut self) {
        self.state.queue.close(DROP_TIMEOUT);
    }
}

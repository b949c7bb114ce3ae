//! The exporter: a sink in front of the export thread.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hopline_core::variables::Variables;
use hopline_core::{Batch, Batching, FlushError, Sink, Source};

use tokio::runtime::Handle as RuntimeHandle;

use super::ExporterBuilder;
use super::problem::{ConfigError, Problem};
use super::runtime::ExportRuntime;
use super::settings::Settings;
#[cfg(feature = "spool")]
use super::spool::Spool;
#[cfg(feature = "spool")]
use super::spooled::ending;
use super::transport::Transport;
use super::variables::set_by_variables;
use super::worker::Worker;
use crate::ExportStats;
use crate::queue::Queue;

/// A [`Sink`] that sends spans to a collector by OTLP, over HTTP or gRPC.
///
/// A thread of its own, with a runtime of its own, encodes and sends; the application's runtime is never
/// needed nor blocked, so that flushing works anywhere. Between the two is a queue, bounded by spans and by
/// bytes. Where it is full, spans of ordinary traces are dropped, the newest first, and those of traces that
/// failed, were slow (by the plan, see [`ExporterBuilder::drop_slower_last`]), or were kept though not sampled,
/// only when nothing else is left to drop. Each loss is counted in [`stats`](Self::stats), announced at its start and
/// at its end, and told to the collector: the first scope of the next request that arrives has `hopline.dropped`, the
/// number of spans lost before it.
///
/// The answers 429, 502, 503 and 504 (over gRPC `UNAVAILABLE` and its kin, and `RESOURCE_EXHAUSTED` with a
/// `RetryInfo`), time-outs and connection errors are retried, with exponential pauses and jitter or as long
/// as the collector asks, up to a minute, for at most 5 minutes (see [OTLP failures]). A request that is too large, by
/// status 413, by the message of another failure or by a connection that breaks again and again, is sent in halves, down
/// to one span; later requests keep to the size that works. Any other error answer drops the request's spans. Spans may
/// arrive twice if the connection breaks after the collector took them. Redirects are not followed. An answer of success
/// that is not OTLP, or of more than 4 MiB, makes the spans [unconfirmed](ExportStats::unconfirmed).
///
/// A flush fails if it runs out of time or if accepted spans were lost since the last one; a shutdown, if
/// spans are lost in it. A shutdown tries each request once more, whatever pause the collector asked for. It does not
/// wait for a collector at whose port no process listens, nor for one that asks for more time than there is.
///
/// A clone is another handle to the same queue and thread; they end with [`Tracer::shutdown`], else
/// within 2 seconds of the last handle's drop.
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
    shared: Arc<Shared>,
    transport: Arc<Transport>,
    /// The export thread's; only used to start a check.
    runtime: RuntimeHandle,
    timeout: Duration,
    wire: &'static str,
}

/// What the handles and the export thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    // A plain lock: written when a tracer starts or is found gone, held for one copy.
    sources: Mutex<Vec<Arc<Source>>>,
}

/// What an exporter that nobody shut down still has for what waits.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

impl Exporter {
    /// Starts to describe an exporter; the environment is not read.
    pub fn builder() -> ExporterBuilder {
        ExporterBuilder::new()
    }

    /// Makes the exporter that the environment describes; `None` if `OTEL_TRACES_EXPORTER` names others only.
    ///
    /// The variables are listed on this crate's front page; see [OTLP exporter configuration]. An empty
    /// variable counts as unset.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint, a certificate or the spool is unusable, if the protocol is not compiled in,
    /// or if no thread can be started; inside an async runtime as well as outside. Other bad values are ignored,
    /// and a notice names them.
    ///
    /// [OTLP exporter configuration]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// The same from variables that `variable` looks up.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
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
            .map_err(|error| set_by_variables(error, &variables))
    }

    /// What it did so far.
    pub fn stats(&self) -> ExportStats {
        self.0.shared.queue.stats()
    }

    /// What sends: the thread's runtime, the transport, and how long one attempt may take.
    pub(super) fn sender(&self) -> (&RuntimeHandle, &Arc<Transport>, Duration) {
        let Handle {
            runtime,
            transport,
            timeout,
            ..
        } = &*self.0;
        (runtime, transport, *timeout)
    }

    pub(super) fn spawn(settings: Settings) -> Result<Self, ConfigError> {
        let runtime = ExportRuntime::new().map_err(Problem::Thread)?;
        let transport = Arc::new(runtime.enter(|| Transport::new(&settings))?);
        let queue = Queue::new(
            settings.bounds,
            settings.ample(),
            settings.rest(),
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
        let shared = Arc::new(Shared {
            queue,
            sources: Mutex::default(),
        });
        let handle = Handle {
            shared: Arc::clone(&shared),
            transport: Arc::clone(&transport),
            runtime: runtime.handle().clone(),
            timeout: settings.timeout,
            wire: settings.protocol.as_str(),
        };
        let worker = Worker::new(
            shared,
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

/// Where spans go, without what could be a secret: `http://localhost:4318/v1/traces (http/protobuf)`.
impl fmt::Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.transport.shown_endpoint(), self.0.wire)
    }
}

impl Sink for Exporter {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.shared.queue.offer(batch);
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }

    fn start(&self, source: Source) {
        self.0.shared.sources().push(Arc::new(source));
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.shared.hand_over();
        self.0.shared.queue.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.shared.hand_over();
        self.0.shared.queue.shutdown(timeout)
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
    /// Lets the thread end by itself; does not wait, since this may be a thread that serves requests.
    fn drop(&mut self) {
        self.shared.queue.close(LAST_MOMENTS);
    }
}

impl Shared {
    /// Makes the tracers give what waits in them, and forgets those that are gone.
    pub(super) fn hand_over(&self) {
        // a tracer calls back into `accept`, so no lock is held
        let mut gone = self.sources().clone();
        gone.retain(|source| !source.hand_over());
        if !gone.is_empty() {
            self.sources()
                .retain(|source| !gone.iter().any(|gone| Arc::ptr_eq(gone, source)));
        }
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Source>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

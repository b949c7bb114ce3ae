//! The exporter: a sink in front of the export thread.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hopline_core::{Batch, Batching, FlushError, Sink, Source};

use super::ExporterBuilder;
use super::settings::{ConfigError, Problem, Settings, shown};
use super::transport::Transport;
use super::worker::Worker;
use crate::ExportStats;
use crate::env::Env;
use crate::queue::{Queue, SPANS_AT_ONCE};

/// A [`Sink`] that sends spans to a collector by OTLP over HTTP.
///
/// A thread of its own, with a runtime of its own, encodes and sends; the application's runtime is never
/// needed nor blocked, so that flushing works anywhere. Between the two is a bounded queue. What finds
/// it full is dropped, counted in [`stats`](Self::stats), and announced at the start of the loss and at
/// its end.
///
/// The answers 429, 502, 503 and 504, time-outs and connection errors are retried, with exponential
/// pauses and jitter or as long as `Retry-After` asks, for at most 5 minutes (see [OTLP/HTTP failures]).
/// Any other error answer drops the request's spans. Spans may arrive twice if the connection breaks
/// after the collector took them. Redirects are not followed, and an answer of more than 4 MiB is cut off
/// and counts as a failure.
///
/// A flush fails if it runs out of time or if accepted spans were lost since the last one; a shutdown, if
/// spans are lost in it. It does not wait for a collector at whose port nobody listens.
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
/// [OTLP/HTTP failures]: https://opentelemetry.io/docs/specs/otlp/#failures-1
/// [`Tracer::shutdown`]: hopline_core::Tracer::shutdown
#[derive(Clone)]
pub struct Exporter(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    endpoint: String,
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
    /// Read are `OTEL_EXPORTER_OTLP_ENDPOINT`, `_PROTOCOL`, `_HEADERS` and `_TIMEOUT`, each with a
    /// variant that has `TRACES_` before the last word and wins, `OTEL_BSP_SCHEDULE_DELAY` and
    /// `OTEL_BSP_MAX_QUEUE_SIZE`; see [OTLP exporter configuration]. An empty variable counts as unset.
    ///
    /// # Errors
    ///
    /// If the endpoint is unusable, the protocol is gRPC, or no thread can be started. Other bad values
    /// are ignored and said in a notice.
    ///
    /// [OTLP exporter configuration]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        let mut env = Env::new(&|name| std::env::var(name).ok());
        let settings = Settings::read(&mut env);
        env.say_warnings();
        settings?.map(Self::spawn).transpose()
    }

    /// What it did so far.
    pub fn stats(&self) -> ExportStats {
        self.0.shared.queue.stats()
    }

    pub(super) fn spawn(settings: Settings) -> Result<Self, ConfigError> {
        let transport = Transport::new(&settings)?;
        // a small queue is emptied before it is full
        let ample = SPANS_AT_ONCE.min(settings.max_queue_spans.div_ceil(2));
        let queue = Queue::new(settings.max_queue_spans, ample, "the export queue");
        let shared = Arc::new(Shared {
            queue,
            sources: Mutex::default(),
        });
        let worker = Worker::new(Arc::clone(&shared), transport, &settings);
        // Ends when the queue is closed and empty, or when the time of a shutdown is up.
        let thread = std::thread::Builder::new().name("hopline-export".to_owned());
        thread
            .spawn(move || worker.run())
            .map_err(Problem::Thread)?;
        Ok(Self(Arc::new(Handle {
            shared,
            endpoint: shown(&settings.endpoint),
        })))
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
            .field("endpoint", &self.0.endpoint)
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

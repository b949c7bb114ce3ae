//! The exporter of metrics: one body each interval, by a thread of its own.
//!
//! The facade and applications start it with a function that makes the body. Transports, headers, TLS and judgement of
//! responses are those of spans; a thread apart, so that an outage for one signal does not delay the other.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::export::FlushError;
use hopline_core::variables::Variables;
use hopline_core::{Context, notify};
use tokio::time::Instant;

use super::problem::{ConfigError, Problem};
use super::reply::{Reply, RetryCause};
use super::response::shortened;
use super::retry::Retry;
use super::runtime::ExportRuntime;
use super::settings::{Protocol, Settings};
use super::signal::Signal;
use super::time_limit::{instant_after, until, with_busy_limit};
use super::transport::Transport;
use super::variables::set_by_variables;
use crate::bounds::Bounds;
use crate::queue::{EndOnDrop, Leftover, Queue};

/// Makes the body of the next request, from the one that did not arrive, if any.
type Request = Box<dyn FnMut(Option<Vec<u8>>) -> Vec<u8> + Send>;

/// Sends metrics to a collector by OTLP, over HTTP or gRPC: one request each interval, and one at the shutdown.
///
/// It does not know metrics: a function returns the body, an `ExportMetricsServiceRequest` in protobuf, such as
/// `hopline_metrics::otlp::OtlpReader::request`. It is called on the exporter's thread. Its argument is the last body if that
/// did not arrive: return it to send it again, as differences ask, or a new one that replaces it, as totals allow.
///
/// A request that fails is retried as those of spans are, for 30 seconds and at most until the next is due. With the protocol `http/json` the body is
/// still protobuf, which OTLP receivers accept on the same path. Nothing on its thread is recorded.
///
/// A clone is another handle to the same thread. It ends with [`shutdown`](Self::shutdown), or within 2 seconds of the last
/// handle's drop.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_otlp::Exporter;
///
/// // no process listens on this port
/// let exporter = Exporter::builder()
///     .endpoint("http://127.0.0.1:9")
///     .metrics(Duration::from_secs(60), |_unsent| b"\x0a\x00".to_vec())?;
/// assert!(exporter.shutdown(Duration::from_secs(5)).is_err());
/// let stats = exporter.stats();
/// assert_eq!((stats.requests, stats.sent, stats.lost()), (1, 0, 1));
/// # Ok::<(), hopline_otlp::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MetricsExporter(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    shown: String,
}

/// Requests of a [`MetricsExporter`] by their result. `requests` is the sum of all results and of the one on its way.
///
/// # Examples
///
/// ```
/// use hopline_otlp::MetricsStats;
///
/// let mut stats = MetricsStats::default();
/// (stats.requests, stats.sent, stats.abandoned) = (10, 8, 1);
/// assert_eq!(stats.lost(), 1); // one more is on its way
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsStats {
    /// Requests that were made.
    pub requests: u64,
    /// Requests that the collector accepted, or accepted in part.
    pub sent: u64,
    /// Requests that the collector refused for good.
    pub rejected: u64,
    /// Requests accepted by something that does not respond like a collector.
    pub unconfirmed: u64,
    /// Requests that did not arrive before a newer one replaced them, or before the end of a shutdown.
    pub abandoned: u64,
    /// Data points that the collector refused in accepted requests.
    pub rejected_points: u64,
}

impl MetricsStats {
    /// Requests that will not arrive: rejected, unconfirmed and abandoned. Of totals the next request that arrives has their
    /// values.
    pub fn lost(&self) -> u64 {
        self.rejected + self.unconfirmed + self.abandoned
    }
}

/// The default of `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);

/// The default of `OTEL_METRIC_EXPORT_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The shortest interval, so that one of zero does not loop without a pause.
const SHORTEST: Duration = Duration::from_millis(10);

/// The time that an exporter without a shutdown has after its last handle's drop.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl MetricsExporter {
    /// Starts an exporter with the settings of the environment's variables: `OTEL_METRIC_EXPORT_INTERVAL`,
    /// `OTEL_METRIC_EXPORT_TIMEOUT`, and `OTEL_EXPORTER_OTLP_METRICS_…` before `OTEL_EXPORTER_OTLP_…`. It does not read
    /// `OTEL_METRICS_EXPORTER`.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint or a certificate is unusable, if the protocol is not compiled in, or if no thread
    /// can be started. Other wrong values are ignored, and one notice names them.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
        request: impl FnMut(Option<Vec<u8>>) -> Vec<u8> + Send + 'static,
    ) -> Result<Self, ConfigError> {
        let mut variables = Variables::new(variable);
        let settings = Settings::read_transport(&mut variables, Signal::Metrics);
        let times = Times::read(&mut variables);
        variables.notify("otlp-metrics-env");
        Self::spawn(settings?, times, Box::new(request))
            .map_err(|error| set_by_variables(error, &variables, Signal::Metrics))
    }

    /// The counts of requests so far.
    pub fn stats(&self) -> MetricsStats {
        self.0.shared.counts.read()
    }

    /// Makes and sends the last request, and ends the thread. Blocks for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Returns an error if the last request did not arrive in time, or was refused.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let before = self.stats();
        self.0.shared.queue.shutdown(timeout)?;
        match self.stats().lost() > before.lost() {
            true => Err(FlushError::failed()),
            false => Ok(()),
        }
    }

    /// Begins a shutdown without waiting for it; [`shutdown`](Self::shutdown) waits.
    pub fn close(&self, timeout: Duration) {
        self.0.shared.queue.close(timeout);
    }

    pub(super) fn spawn(
        mut settings: Settings,
        times: Times,
        request: Request,
    ) -> Result<Self, ConfigError> {
        settings.timeout = settings.timeout.min(times.timeout);
        if settings.protocol == Protocol::HttpJson {
            // bodies are protobuf, and receivers of JSON read both
            settings.protocol = Protocol::HttpProtobuf;
        }
        let runtime = ExportRuntime::new().map_err(Problem::Thread)?;
        let transport = runtime.enter(|| Transport::new(&settings))?;
        let endpoint = transport.shown_endpoint();
        // no spans are put in: the queue is the clock, the wake-up and the shutdown of the thread
        let none = Bounds {
            spans: 1,
            bytes: 1,
            slow: None,
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(none, 1, Leftover::Counted, "the export of metrics"),
            counts: Counts::default(),
        });
        let worker = Worker {
            shared: Arc::clone(&shared),
            transport,
            times,
            request,
            unsent: None,
            outage: None,
        };
        // Ends when the queue is closed and the last request has its result, or when a shutdown's time is up.
        let thread = std::thread::Builder::new().name("hopline-metrics".to_owned());
        thread
            .spawn(move || worker.run(&runtime))
            .map_err(Problem::Thread)?;
        let shown = format!("{endpoint} ({})", settings.protocol.as_str());
        Ok(Self(Arc::new(Handle { shared, shown })))
    }
}

/// The endpoint without credentials, and the protocol.
impl fmt::Display for MetricsExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

impl fmt::Debug for MetricsExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsExporter")
            .field("endpoint", &self.0.shown)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Drop for Handle {
    /// Asks the thread to end, and does not wait: this may be a thread that serves requests.
    fn drop(&mut self) {
        self.shared.queue.close(DROP_TIMEOUT);
    }
}

/// The times of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// From one request to the next.
    interval: Duration,
    /// The time in which a request and its retries begin; at most the interval.
    timeout: Duration,
}

impl Times {
    /// The times for this interval, with the default time-out.
    pub(super) fn every(interval: Duration) -> Self {
        Self::new(interval, TIMEOUT)
    }

    fn new(interval: Duration, timeout: Duration) -> Self {
        let interval = interval.max(SHORTEST);
        Self {
            interval,
            timeout: timeout.min(interval),
        }
    }

    fn read(variables: &mut Variables<'_>) -> Self {
        let mut time = |name, default| {
            let set = variables.millis(name);
            set.filter(|time| !time.is_zero()).unwrap_or(default)
        };
        Self::new(
            time("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL),
            time("OTEL_METRIC_EXPORT_TIMEOUT", TIMEOUT),
        )
    }
}

/// State of the handles and the thread.
struct Shared {
    queue: Queue,
    counts: Counts,
}

// Plain counters, written by the export thread alone: each is read by itself.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    sent: AtomicU64,
    rejected: AtomicU64,
    unconfirmed: AtomicU64,
    abandoned: AtomicU64,
    rejected_points: AtomicU64,
}

impl Counts {
    fn read(&self) -> MetricsStats {
        MetricsStats {
            requests: self.requests.load(Relaxed),
            sent: self.sent.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            unconfirmed: self.unconfirmed.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            rejected_points: self.rejected_points.load(Relaxed),
        }
    }
}

/// The export thread's state.
struct Worker {
    shared: Arc<Shared>,
    transport: Transport,
    times: Times,
    request: Request,
    /// The body that was made and has no result yet.
    unsent: Option<Vec<u8>>,
    /// The start of the time in which no request arrives.
    outage: Option<Instant>,
}

impl Worker {
    /// Runs until the last request has its result, or a shutdown's deadline passes.
    fn run(mut self, runtime: &ExportRuntime) {
        let shared = Arc::clone(&self.shared);
        let end = EndOnDrop(&shared.queue);
        Context::muted().scope(|| {
            let work = || {
                runtime.block_on(until(
                    self.send_all(),
                    shared.queue.wait_until_overdue(),
                ));
            };
            let panicked = catch_unwind(AssertUnwindSafe(work)).is_err();
            if panicked {
                notify("otlp-metrics-thread", || {
                    "the export thread of metrics panicked: no more metrics are exported; please report it".to_owned()
                });
            }
            self.abandon_rest();
        });
        drop(end);
    }

    /// Sends a request each interval until the queue is closed, and then the last one.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a request on its way stays in `unsent`.
    async fn send_all(&mut self) {
        loop {
            let due = instant_after(self.times.interval);
            while Instant::now() < due && !self.shared.queue.is_closing() {
                self.shared.queue.wait_until(due).await;
            }
            let closing = self.shared.queue.is_closing();
            let again = self.unsent.clone();
            self.send_next().await;
            // what was measured since the body that is only now gone
            if again.is_some() && self.unsent.is_none() {
                self.send_next().await;
            }
            if closing {
                return;
            }
        }
    }

    /// Makes a body and sends it, with retries until the time-out.
    async fn send_next(&mut self) {
        let counts = &self.shared.counts;
        let last = self.unsent.take();
        let request = &mut self.request;
        // the application's code: its panic must not end the export
        let made = catch_unwind(AssertUnwindSafe(|| request(last.clone())));
        let Ok(body) = made else {
            self.unsent = last;
            return notify("otlp-metrics-request", || {
                "making the metrics for a request panicked: the request is left out".to_owned()
            });
        };
        if last.as_ref() != Some(&body) {
            counts.requests.fetch_add(1, Relaxed);
            if last.is_some() {
                counts.abandoned.fetch_add(1, Relaxed);
            }
        }
        let bytes = body.len();
        self.unsent = Some(body.clone());
        let message = match self.transport.message(body) {
            Ok(message) => message,
            Err(why) => return self.rejected(&why),
        };
        let mut retry = Retry::new(self.times.timeout);
        loop {
            let closing = self.shared.queue.is_closing();
            let reply = with_busy_limit(self.transport.send(&message), bytes).await;
            let Reply::Retry { after, why, cause } = reply else {
                return self.settle(reply);
            };
            self.begin_outage(&why);
            let queue = &self.shared.queue;
            let Some(pause) = retry.pause(after) else {
                return;
            };
            let refused = cause == RetryCause::ConnectionRefused;
            if (refused && queue.is_closing()) || (closing && queue.is_overdue_within(pause)) {
                return;
            }
            let end = instant_after(pause);
            // a shutdown ends the pause once, so that the request is tried once more
            while Instant::now() < end && queue.is_closing() == closing {
                queue.wait_until(end).await;
            }
        }
    }

    /// Counts the final result of the request.
    fn settle(&mut self, reply: Reply) {
        let counts = &self.shared.counts;
        if let Some(since) = self.outage.take() {
            notify("otlp-metrics-reachable", || {
                format!(
                    "the collector answers requests with metrics again after {:.1?}",
                    since.elapsed()
                )
            });
        }
        match reply {
            Reply::Accepted(partial) => {
                self.unsent = None;
                counts.sent.fetch_add(1, Relaxed);
                counts.rejected_points.fetch_add(partial.rejected, Relaxed);
                if partial.rejected > 0 || !partial.message.is_empty() {
                    notify("otlp-metrics-partial", || {
                        format!(
                            "{} accepted metrics except {} data points: {}",
                            self.transport.shown_endpoint(),
                            partial.rejected,
                            shortened(&partial.message)
                        )
                    });
                }
            }
            Reply::Unconfirmed(why) => {
                self.unsent = None;
                counts.unconfirmed.fetch_add(1, Relaxed);
                notify("otlp-metrics-unconfirmed", || {
                    format!(
                        "metrics for {} have most probably not arrived: {why}; check OTEL_EXPORTER_OTLP_ENDPOINT",
                        self.transport.shown_endpoint()
                    )
                });
            }
            Reply::TooLarge(why) | Reply::Rejected { why, .. } | Reply::Retry { why, .. } => {
                self.rejected(&why);
            }
        }
    }

    fn rejected(&mut self, why: &str) {
        self.unsent = None;
        self.shared.counts.rejected.fetch_add(1, Relaxed);
        notify("otlp-metrics-rejected", || {
            format!(
                "a request with metrics for {} is lost: {why}; correct OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and its headers, \
                 or set OTEL_METRICS_EXPORTER=none",
                self.transport.shown_endpoint()
            )
        });
    }

    /// Gives a notice at the start of an outage.
    fn begin_outage(&mut self, why: &str) {
        if self.outage.is_none() {
            self.outage = Some(Instant::now());
            notify("otlp-metrics-unreachable", || {
                format!(
                    "cannot send metrics to {}: {why}; trying again",
                    self.transport.shown_endpoint()
                )
            });
        }
    }

    /// Counts the body that the end has left.
    fn abandon_rest(&mut self) {
        if self.unsent.take().is_some() {
            self.shared.counts.abandoned.fetch_add(1, Relaxed);
            notify("otlp-metrics-abandoned", || {
                format!(
                    "the last request with metrics is lost: {} did not take it; see that the collector is up",
                    self.transport.shown_endpoint()
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> (u128, u128, usize) {
        let lookup = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut variables = Variables::new(&lookup);
        let Times { interval, timeout } = Times::read(&mut variables);
        let warnings = variables.warnings().len();
        (interval.as_millis(), timeout.as_millis(), warnings)
    }

    #[test]
    fn the_time_out_is_read_and_is_at_most_the_interval() {
        const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
        const TIMEOUT: &str = "OTEL_METRIC_EXPORT_TIMEOUT";
        assert_eq!(read(&[]), (60_000, 30_000, 0));
        assert_eq!(read(&[(TIMEOUT, "700")]), (60_000, 700, 0));
        assert_eq!(read(&[(INTERVAL, "500")]), (500, 500, 0));
        assert_eq!(read(&[(INTERVAL, "500"), (TIMEOUT, "700")]), (500, 500, 0));
        assert_eq!(
            read(&[(INTERVAL, "0"), (TIMEOUT, "0")]),
            (60_000, 30_000, 0)
        );
        assert_eq!(read(&[(TIMEOUT, "soon")]), (60_000, 30_000, 1));
    }
}

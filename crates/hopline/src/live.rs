//! The tracers of this process that have not been shut down.
//!
//! `Telemetry` enters and leaves its tracer; a second signal shuts all of them down before the process exits, with the
//! exporters of their metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
#[cfg(all(feature = "metrics", feature = "otlp"))]
use std::time::Instant;

use hopline_core::Tracer;
#[cfg(all(feature = "metrics", feature = "otlp"))]
use hopline_otlp::MetricsExporter;

// Locked when telemetry starts or ends, for a push or a search; bounded by the services in one process.
static LIVE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

/// A service's tracer, and the exporter of its metrics: both have to be flushed before the process exits.
///
/// Handles keep the threads of both alive, so `Telemetry` removes them when it ends, in order or by a drop.
#[derive(Clone)]
struct Live {
    /// Ascends along the list.
    number: u64,
    tracer: Tracer,
    /// `None` if metrics are sent to no collector. Pages of metrics on the console, and those that Prometheus scrapes, have
    /// no last export.
    #[cfg(all(feature = "metrics", feature = "otlp"))]
    metrics: Option<MetricsExporter>,
}

impl Live {
    /// Exports spans and metrics for the last time, within `timeout`.
    ///
    /// The last request with metrics is on its way while spans are flushed, so that a collector that hangs for one of the
    /// two does not cost the other.
    fn shut_down(&self, timeout: Duration) {
        #[cfg(all(feature = "metrics", feature = "otlp"))]
        let begun = Instant::now();
        #[cfg(all(feature = "metrics", feature = "otlp"))]
        if let Some(metrics) = &self.metrics {
            metrics.close(timeout);
        }
        // a loss gives a notice of its own, here and below
        let _ = self.tracer.shutdown(timeout);
        #[cfg(all(feature = "metrics", feature = "otlp"))]
        if let Some(metrics) = &self.metrics {
            let _ = metrics.shutdown(timeout.saturating_sub(begun.elapsed()));
        }
    }
}

/// Adds a tracer with the exporter of its metrics, and returns the number by which it is removed.
///
/// Numbers ascend and are not used twice while a later tracer lives, so a number that was left never finds another tracer.
pub(crate) fn enter(
    tracer: &Tracer,
    #[cfg(all(feature = "metrics", feature = "otlp"))] metrics: Option<MetricsExporter>,
) -> u64 {
    let mut live = live();
    let number = live.last().map_or(0, |last| last.number + 1);
    live.push(Live {
        number,
        tracer: tracer.clone(),
        #[cfg(all(feature = "metrics", feature = "otlp"))]
        metrics,
    });
    number
}

/// Removes a tracer after its shutdown.
///
/// No effect if it was removed before.
pub(crate) fn leave(number: u64) {
    let mut live = live();
    let left = live.iter().position(|known| known.number == number);
    let left = left.map(|at| live.remove(at));
    drop(live);
    // dropped outside the lock: it may be the last handle, with which sinks are dropped
    drop(left);
}

/// The tracer with this number, until its shutdown is over.
///
/// Observers of metrics look it up at each collection: a handle of their own would keep it alive for ever, since the tracer
/// holds the metrics that hold the observers.
#[cfg(feature = "metrics")]
pub(crate) fn find(number: u64) -> Option<Tracer> {
    let live = live();
    let found = live.iter().find(|known| known.number == number);
    found.map(|found| found.tracer.clone())
}

/// Shuts all of them down in parallel, each within `timeout`.
///
/// Called once, before the process exits after a second signal. Blocks until all of them are done, so the caller has a thread
/// for it.
pub(crate) fn shut_down(timeout: Duration) {
    let all = live().clone();
    std::thread::scope(|threads| {
        for one in &all {
            // Ends with the shutdown, which has a time-out. If no thread can be started, that tracer's spans are lost.
            let work = || one.shut_down(timeout);
            let _ = std::thread::Builder::new().spawn_scoped(threads, work);
        }
    });
}

/// The list, locked; no panic can leave it half changed, so a poisoned lock is used.
fn live() -> MutexGuard<'static, Vec<Live>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The tracers of this process that have not been shut down.
//!
//! `Telemetry` enters and leaves its tracer; a second signal shuts all of them down before the process exits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hopline_core::Tracer;

// Locked when telemetry starts or ends, for a push or a search; bounded by the services in one process.
static LIVE: Mutex<Vec<(u64, Tracer)>> = Mutex::new(Vec::new());

/// Adds a tracer, and returns the number by which it is removed.
///
/// Numbers ascend and are not used twice while a later tracer lives, so a number that was left never finds another tracer.
pub(crate) fn enter(tracer: &Tracer) -> u64 {
    let mut live = live();
    let number = live.last().map_or(0, |(last, _)| last + 1);
    live.push((number, tracer.clone()));
    number
}

/// Removes a tracer after its shutdown.
///
/// No effect if it was removed before.
pub(crate) fn leave(number: u64) {
    let mut live = live();
    let left = live.iter().position(|(known, _)| *known == number);
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
    let found = live.iter().find(|(known, _)| *known == number);
    found.map(|(_, tracer)| tracer.clone())
}

/// Shuts all of them down in parallel, each within `timeout`.
///
/// Called once, before the process exits after a second signal. Metrics are not exported there: only spans are.
pub(crate) fn shut_down(timeout: Duration) {
    let tracers: Vec<Tracer> = live().iter().map(|(_, tracer)| tracer.clone()).collect();
    std::thread::scope(|threads| {
        for tracer in &tracers {
            // Ends with the shutdown, which has a time-out. If no thread can be started, that tracer's spans are lost.
            let work = || tracer.shutdown(timeout);
            let _ = std::thread::Builder::new().spawn_scoped(threads, work);
        }
    });
}

/// The list, locked; no panic can leave it half changed, so a poisoned lock is used.
fn live() -> MutexGuard<'static, Vec<(u64, Tracer)>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The tracers of this process that have not been shut down, for its end by a second signal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hopline_core::Tracer;

// Locked when telemetry starts or ends, for a push or a search; bounded by the services in one process.
static LIVE: Mutex<Vec<(u64, Tracer)>> = Mutex::new(Vec::new());

/// Enters a tracer; the number is its place.
pub(crate) fn enter(tracer: &Tracer) -> u64 {
    let mut live = live();
    let number = live.last().map_or(0, |(last, _)| last + 1);
    live.push((number, tracer.clone()));
    number
}

/// Forgets a tracer that has been shut down.
pub(crate) fn leave(number: u64) {
    let mut live = live();
    let left = live.iter().position(|(known, _)| *known == number);
    let left = left.map(|at| live.remove(at));
    drop(live);
    // it may be the last handle, with which sinks go
    drop(left);
}

/// Shuts all of them down at once, within `timeout`.
pub(crate) fn shut_down(timeout: Duration) {
    let tracers: Vec<Tracer> = live().iter().map(|(_, tracer)| tracer.clone()).collect();
    std::thread::scope(|threads| {
        for tracer in &tracers {
            // Ends with the shutdown, which has a time-out. Where no thread starts the spans are lost, as they would be.
            let work = || tracer.shutdown(timeout);
            let _ = std::thread::Builder::new().spawn_scoped(threads, work);
        }
    });
}

fn live() -> MutexGuard<'static, Vec<(u64, Tracer)>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

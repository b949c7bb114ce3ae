//! Times of one case, in this process.

use std::time::{Duration, Instant};

use hopline_core::Clock;
use hopline_gate::Case;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Runs the case for about so long, chunk by chunk. Between chunks the threads behind it are waited for; their work
/// counts for the processor time of all threads, and for nothing else.
pub fn time(case: &Case, budget: Duration) -> Value {
    let mut work = case.make(&Clock::System);
    let times = case.operations();
    for _ in 0..4 {
        work.run(times);
        work.settle();
    }
    let (mut walls, mut threads) = (Vec::new(), Vec::new());
    let (begun, all) = (Instant::now(), processor(ClockId::ProcessCPUTime));
    while walls.len() < 5 || begun.elapsed() < budget {
        let (wall, thread) = (Instant::now(), processor(ClockId::ThreadCPUTime));
        work.run(times);
        threads.push(processor(ClockId::ThreadCPUTime).saturating_sub(thread));
        walls.push(wall.elapsed());
        work.settle();
    }
    let all = processor(ClockId::ProcessCPUTime).saturating_sub(all);
    let operations = walls.len() as f64 * times as f64;
    json!({
        "wall_ns": median(walls).as_nanos() as f64 / times as f64,
        "thread_cpu_ns": median(threads).as_nanos() as f64 / times as f64,
        "all_cpu_ns": all.as_nanos() as f64 / operations,
    })
}

fn processor(clock: ClockId) -> Duration {
    // since the process or thread began, so never negative
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

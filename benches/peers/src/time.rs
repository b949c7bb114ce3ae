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
    let (mut chunks, mut wall, mut thread) = (0, Duration::ZERO, Duration::ZERO);
    let (begun, all) = (Instant::now(), processor(ClockId::ProcessCPUTime));
    while chunks < 5 || begun.elapsed() < budget {
        let before = (Instant::now(), processor(ClockId::ThreadCPUTime));
        work.run(times);
        thread += processor(ClockId::ThreadCPUTime).saturating_sub(before.1);
        wall += before.0.elapsed();
        work.settle();
        chunks += 1;
    }
    let all = processor(ClockId::ProcessCPUTime).saturating_sub(all);
    // sums, not middles: what comes seldom and dear is a cost too
    let of_one = |sum: Duration| sum.as_nanos() as f64 / (chunks * times) as f64;
    json!({
        "wall_ns": of_one(wall),
        "thread_cpu_ns": of_one(thread),
        "all_cpu_ns": of_one(all),
    })
}

fn processor(clock: ClockId) -> Duration {
    // since the process or thread began, so never negative
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

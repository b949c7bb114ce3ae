//! The traces that a plan keeps, found by running it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hopline_core::time::ManualClock;
use hopline_core::{
    Batch, Clock, IdGenerator, Incoming, SamplingPlan, Sink, SpanBuilder, SpanKind, Tracer,
};

use crate::Result;

/// The requests of one process.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests a second.
    pub per_second: f64,
    /// The part that fails, from 0 to 1.
    pub errors: f64,
    /// The part that takes 2 s, from 0 to 1.
    pub slow: f64,
}

/// The traces a second that one process keeps.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Sampled at their start.
    pub sampled: f64,
    /// Kept for their end only: failed or slow.
    pub kept: f64,
}

/// Of ids and outcomes. With this one 40,000 ids are nearly uniform; chance gives up to 3 % more or less.
const SEED: u64 = 3;
/// Seconds before the count begins: a budget adjusts once a second.
const WARM_UP: f64 = 3.0;
/// Requests that are counted, so that chance changes the result by a few percent at most.
const COUNTED: f64 = 40_000.0;
/// The fewest seconds that are counted.
const SECONDS: f64 = 3.0;
/// More than a process serves.
const FASTEST: f64 = 60_000.0;

/// Runs the plan on requests of a clock that only this moves, with ids and outcomes that are the same in each run.
///
/// # Errors
///
/// The load is more than 60,000 requests a second for one process.
pub fn traffic(plan: &SamplingPlan, load: Load) -> Result<Traffic> {
    if load.per_second > FASTEST {
        return Err(format!(
            "{:.0} requests a second are more than one process serves; set --processes",
            load.per_second
        )
        .into());
    }
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let kept = Kept::default();
    let tracer = Tracer::builder()
        .service("sized")
        .plan(plan.clone())
        .ids(IdGenerator::Seeded(SEED))
        .clock(Clock::Manual(clock.clone()))
        .sink(kept.clone())
        .build();
    let mut random = fastrand::Rng::with_seed(SEED);
    let counted = (COUNTED / load.per_second).max(SECONDS);
    let step = Duration::from_secs_f64(1.0 / load.per_second);
    let warm_up = (WARM_UP * load.per_second) as u64;
    for number in 0..warm_up + (counted * load.per_second) as u64 {
        if number == warm_up {
            kept.take();
        }
        let root = SpanBuilder::new("GET /")
            .kind(SpanKind::Server)
            .method("GET")
            .route(Some("/"))
            .path("/")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        if random.f64() < load.errors {
            root.fail("500");
        }
        let time = if random.f64() < load.slow { 2_000 } else { 50 };
        root.end_at(clock.now() + Duration::from_millis(time));
        clock.advance(step);
    }
    let (sampled, for_their_end) = kept.take();
    tracer.shutdown(Duration::from_secs(1))?;
    let rate = |traces: u64| traces as f64 / counted;
    Ok(Traffic {
        sampled: rate(sampled),
        kept: rate(for_their_end),
    })
}

/// Counts traces: those that were sampled, and the others.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<[AtomicU64; 2]>);

impl Kept {
    /// The counts since the last call.
    fn take(&self) -> (u64, u64) {
        (self.0[0].swap(0, Relaxed), self.0[1].swap(0, Relaxed))
    }
}

impl Sink for Kept {
    fn accept(&self, batch: &Arc<Batch>) {
        for span in batch.spans() {
            self.0[usize::from(!span.flags().is_sampled())].fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(plan: &str, per_second: f64) -> Traffic {
        let load = Load {
            per_second,
            errors: 0.1,
            slow: 0.05,
        };
        traffic(&plan.parse().unwrap(), load).unwrap()
    }

    #[test]
    fn a_probability_keeps_its_part() {
        let traffic = of("* 10%; keep errors", 500.0);
        assert!((45.0..55.0).contains(&traffic.sampled), "{traffic:?}");
        // of 450 that are not sampled
        assert!((40.0..50.0).contains(&traffic.kept), "{traffic:?}");
    }

    #[test]
    fn a_budget_limits_the_sampled_ones_and_those_kept_for_their_end() {
        let traffic = of(
            "* 100%; budget 50/s; keep errors; keep slower 1s 5/s",
            1000.0,
        );
        assert!((40.0..60.0).contains(&traffic.sampled), "{traffic:?}");
        assert!((40.0..51.0).contains(&traffic.kept), "{traffic:?}");
    }

    #[test]
    fn more_than_a_process_serves_is_refused() {
        let load = Load {
            per_second: 1e6,
            errors: 0.0,
            slow: 0.0,
        };
        let error = traffic(&SamplingPlan::new(), load).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1000000 requests a second are more than one process serves; set --processes"
        );
    }
}

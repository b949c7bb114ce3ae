//! The budget of a plan: traces per second, divided among its rules.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::tick::Tick;

/// Divides a number of traces per second among the groups of a plan, one for each rule.
///
/// Each second it counts the traces of each group. A group that needs at most an equal part gets what it needs; the rest
/// is divided among the others, whose probability is lowered. Within a second, a group that exceeds its part has its
/// probability halved repeatedly once the budget is used up, so a burst costs about twice the budget at most.
///
/// Every decision uses a probability that was set before the trace started, so it can be sent as threshold.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_second: f64,
    /// The time of the next adjustment, in nanoseconds of a tick.
    due: AtomicI64,
    /// Traces of all groups sampled in this second.
    taken: AtomicU64,
    meters: Box<[Meter]>,
    /// Held by the one thread that adjusts, once a second; the others do not wait for it.
    seen: Mutex<Seen>,
}

/// Counters are approximate by nature, so no ordering between them is needed.
#[derive(Debug)]
struct Meter {
    /// The probability of the group without a budget.
    share: f64,
    /// Traces that started in this second.
    came: AtomicU64,
    /// Traces of the group sampled in this second.
    taken: AtomicU64,
    /// The factor by which the budget lowers the probability: the bits of an `f64`.
    part: AtomicU64,
    /// The number of sampled traces at which the factor is halved, if the budget is used up.
    brake: AtomicU64,
    /// The number of further traces until it is halved again.
    step: AtomicU32,
}

#[derive(Debug)]
struct Seen {
    since: Option<Tick>,
    /// The needed traces per second of each group: rises at once, falls slowly.
    asking: Box<[f64]>,
}

/// The interval between two adjustments.
const SECOND: Duration = Duration::from_secs(1);

impl Allowance {
    /// `shares` has the probability of each group.
    pub(crate) fn new(per_second: u32, shares: impl Iterator<Item = f64>) -> Self {
        let meter = |share| Meter {
            share,
            came: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            part: AtomicU64::new(1.0_f64.to_bits()),
            brake: AtomicU64::new(0),
            step: AtomicU32::new(0),
        };
        let meters: Box<[Meter]> = shares.map(meter).collect();
        let allowance = Self {
            per_second: f64::from(per_second),
            due: AtomicI64::new(i64::MIN),
            taken: AtomicU64::new(0),
            seen: Mutex::new(Seen {
                since: None,
                asking: vec![0.0; meters.len()].into(),
            }),
            meters,
        };
        for meter in &allowance.meters {
            meter.allow(allowance.equal_part());
        }
        allowance
    }

    /// Counts a trace of this group, and returns the factor for its probability.
    #[inline]
    pub(crate) fn part(&self, group: usize, now: Tick) -> f64 {
        if now.nanos() >= self.due.load(Relaxed) {
            self.look(now);
        }
        let meter = &self.meters[group];
        meter.came.fetch_add(1, Relaxed);
        f64::from_bits(meter.part.load(Relaxed))
    }

    /// Counts a sampled trace of this group.
    #[inline]
    pub(crate) fn took(&self, group: usize) {
        let meter = &self.meters[group];
        let all = self.taken.fetch_add(1, Relaxed) + 1;
        let taken = meter.taken.fetch_add(1, Relaxed) + 1;
        let brake = meter.brake.load(Relaxed);
        if taken < brake || (all as f64) < self.per_second {
            return;
        }
        let step = u64::from(meter.step.load(Relaxed) / 2).max(1);
        // only one of several threads halves it
        let next = meter
            .brake
            .compare_exchange(brake, taken + step, Relaxed, Relaxed);
        if next.is_ok() {
            meter.step.store(step as u32, Relaxed);
            let part = f64::from_bits(meter.part.load(Relaxed)) / 2.0;
            meter.part.store(part.to_bits(), Relaxed);
        }
    }

    /// The part of each group if all need more.
    fn equal_part(&self) -> f64 {
        self.per_second / self.meters.len() as f64
    }

    /// Adjusts the factors, once a second. A thread that finds the lock held uses the old factors: waiting would
    /// delay a request.
    #[cold]
    fn look(&self, now: Tick) {
        let Some(mut seen) = self.seen.try_lock() else {
            return;
        };
        self.due.store(
            now.nanos().saturating_add(SECOND.as_nanos() as i64),
            Relaxed,
        );
        let Some(since) = seen.since.replace(now) else {
            return;
        };
        let seconds = since.until(now).as_secs_f64().max(f64::MIN_POSITIVE);
        for (meter, asking) in self.meters.iter().zip(&mut seen.asking) {
            let rate = meter.came.swap(0, Relaxed) as f64 * meter.share / seconds;
            let weight = 0.5_f64.powf(seconds);
            *asking = rate.max(*asking * weight + rate * (1.0 - weight));
        }
        self.taken.store(0, Relaxed);
        let level = level(&seen.asking, self.per_second);
        for (meter, asking) in self.meters.iter().zip(&seen.asking) {
            meter.allow(asking.min(level).max(self.equal_part()));
            meter
                .part
                .store((level / asking).min(1.0).to_bits(), Relaxed);
        }
    }
}

impl Meter {
    /// Starts a second in which the group may sample `limit` traces before its factor is halved. The margin (a quarter
    /// and 2) covers chance.
    fn allow(&self, limit: f64) {
        self.taken.store(0, Relaxed);
        self.brake.store((limit * 1.25).ceil() as u64 + 2, Relaxed);
        self.step.store(limit.ceil() as u32, Relaxed);
    }
}

/// The most that one group may have so that all together have at most `total`: groups that need less leave the rest to
/// the others. Infinite if there is enough for all.
fn level(asking: &[f64], total: f64) -> f64 {
    let mut asking = asking.to_vec();
    asking.sort_by(f64::total_cmp);
    let mut left = total;
    let mut groups = asking.len() as f64;
    for wish in asking {
        if wish > left / groups {
            return left / groups;
        }
        left -= wish;
        groups -= 1.0;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_little_gets_it() {
        assert_eq!(level(&[10.0, 20.0], 100.0), f64::INFINITY);
        assert_eq!(level(&[1000.0, 20.0], 100.0), 80.0);
        assert_eq!(level(&[1000.0, 500.0], 100.0), 50.0);
        assert_eq!(level(&[1000.0, 500.0, 10.0, 0.0], 100.0), 45.0);
    }

    #[test]
    fn a_burst_within_a_second_is_braked() {
        let allowance = Allowance::new(100, [1.0].into_iter());
        let mut taken = 0;
        let mut chance = fastrand::Rng::with_seed(7);
        for _ in 0..1_000_000 {
            if chance.f64() < allowance.part(0, Tick::ZERO) {
                allowance.took(0);
                taken += 1;
            }
        }
        assert!((100..300).contains(&taken), "{taken}");
    }
}

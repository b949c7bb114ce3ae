//! The budget of a plan: traces per second, divided among its rules.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::tick::Tick;

/// Divides a number of traces per second among the groups of a plan, one for each rule.
///
/// Each second it counts the traces of each group. A group that needs at most an equal factor gets what it needs; the rest
/// is divided among the others, whose probability is lowered. Within a second, a group that exceeds its factor has its
/// probability halved repeatedly once the budget is used up, so a burst costs about twice the budget at most.
///
/// Every decision uses a probability that was set before the trace started, so it can be sent as threshold.
#[derive(Debug)]
pub(crate) struct RateBudget {
    per_second: f64,
    /// The time of the next adjustment, in nanoseconds of a tick.
    due: AtomicI64,
    /// Traces of all groups sampled in this second.
    sampled: AtomicU64,
    groups: Box<[GroupRate]>,
    /// Held by the one thread that adjusts, once a second; the others do not wait for it.
    seen: Mutex<Seen>,
}

/// Counters are approximate by nature, so no ordering between them is needed.
#[derive(Debug)]
struct GroupRate {
    /// The probability of the group without a budget.
    probability: f64,
    /// Traces that started in this second.
    arrived: AtomicU64,
    /// Traces of the group sampled in this second.
    sampled: AtomicU64,
    /// The factor by which the budget lowers the probability: the bits of an `f64`.
    factor: AtomicU64,
    /// The number of sampled traces at which the factor is halved, if the budget is used up.
    halve_at: AtomicU64,
    /// The number of further traces until it is halved again.
    step: AtomicU32,
}

#[derive(Debug)]
struct Seen {
    since: Option<Tick>,
    /// The needed traces per second of each group: rises at once, falls slowly.
    demand: Box<[f64]>,
}

/// The interval between two adjustments.
const SECOND: Duration = Duration::from_secs(1);

impl RateBudget {
    /// `probabilities` has the probability of each group.
    pub(crate) fn new(per_second: u32, probabilities: impl Iterator<Item = f64>) -> Self {
        let group_rate = |probability| GroupRate {
            probability,
            arrived: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            factor: AtomicU64::new(1.0_f64.to_bits()),
            halve_at: AtomicU64::new(0),
            step: AtomicU32::new(0),
        };
        let groups: Box<[GroupRate]> = probabilities.map(group_rate).collect();
        let budget = Self {
            per_second: f64::from(per_second),
            due: AtomicI64::new(i64::MIN),
            sampled: AtomicU64::new(0),
            seen: Mutex::new(Seen {
                since: None,
                demand: vec![0.0; groups.len()].into(),
            }),
            groups,
        };
        for group_rate in &budget.groups {
            group_rate.allow(budget.equal_part());
        }
        budget
    }

    /// Counts a trace of this group, and returns the factor for its probability.
    #[inline]
    pub(crate) fn factor(&self, group: usize, now: Tick) -> f64 {
        if now.nanos() >= self.due.load(Relaxed) {
            self.adjust(now);
        }
        let group_rate = &self.groups[group];
        group_rate.arrived.fetch_add(1, Relaxed);
        f64::from_bits(group_rate.factor.load(Relaxed))
    }

    /// Counts a sampled trace of this group.
    #[inline]
    pub(crate) fn count_sampled(&self, group: usize) {
        let group_rate = &self.groups[group];
        let all = self.sampled.fetch_add(1, Relaxed) + 1;
        let sampled = group_rate.sampled.fetch_add(1, Relaxed) + 1;
        let halve_at = group_rate.halve_at.load(Relaxed);
        if sampled < halve_at || (all as f64) < self.per_second {
            return;
        }
        let step = u64::from(group_rate.step.load(Relaxed) / 2).max(1);
        // only one of several threads halves it
        let next = group_rate
            .halve_at
            .compare_exchange(halve_at, sampled + step, Relaxed, Relaxed);
        if next.is_ok() {
            group_rate.step.store(step as u32, Relaxed);
            let factor = f64::from_bits(group_rate.factor.load(Relaxed)) / 2.0;
            group_rate.factor.store(factor.to_bits(), Relaxed);
        }
    }

    /// The part of each group if all need more.
    fn equal_part(&self) -> f64 {
        self.per_second / self.groups.len() as f64
    }

    /// Adjusts the factors, once a second. A thread that finds the lock held uses the old factors: waiting would
    /// delay a request.
    #[cold]
    fn adjust(&self, now: Tick) {
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
        for (group_rate, demand) in self.groups.iter().zip(&mut seen.demand) {
            let rate =
                group_rate.arrived.swap(0, Relaxed) as f64 * group_rate.probability / seconds;
            let weight = 0.5_f64.powf(seconds);
            *demand = rate.max(*demand * weight + rate * (1.0 - weight));
        }
        self.sampled.store(0, Relaxed);
        let level = level(&seen.demand, self.per_second);
        for (group_rate, demand) in self.groups.iter().zip(&seen.demand) {
            group_rate.allow(demand.min(level).max(self.equal_part()));
            group_rate
                .factor
                .store((level / demand).min(1.0).to_bits(), Relaxed);
        }
    }
}

impl GroupRate {
    /// Starts a second in which the group may sample `limit` traces before its factor is halved. The margin (a quarter
    /// and 2) covers chance.
    fn allow(&self, limit: f64) {
        self.sampled.store(0, Relaxed);
        self.halve_at
            .store((limit * 1.25).ceil() as u64 + 2, Relaxed);
        self.step.store(limit.ceil() as u32, Relaxed);
    }
}

/// The most that one group may have so that all together have at most `total`: groups that need less leave the rest to
/// the others. Infinite if there is enough for all.
fn level(demand: &[f64], total: f64) -> f64 {
    let mut demand = demand.to_vec();
    demand.sort_by(f64::total_cmp);
    let mut left = total;
    let mut groups = demand.len() as f64;
    for wish in demand {
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
    fn groups_that_need_little_get_it() {
        assert_eq!(level(&[10.0, 20.0], 100.0), f64::INFINITY);
        assert_eq!(level(&[1000.0, 20.0], 100.0), 80.0);
        assert_eq!(level(&[1000.0, 500.0], 100.0), 50.0);
        assert_eq!(level(&[1000.0, 500.0, 10.0, 0.0], 100.0), 45.0);
    }

    #[test]
    fn a_burst_within_a_second_is_limited() {
        let budget = RateBudget::new(100, [1.0].into_iter());
        let mut sampled = 0;
        let mut chance = fastrand::Rng::with_seed(7);
        for _ in 0..1_000_000 {
            if chance.f64() < budget.factor(0, Tick::ZERO) {
                budget.count_sampled(0);
                sampled += 1;
            }
        }
        assert!((100..300).contains(&sampled), "{sampled}");
    }
}

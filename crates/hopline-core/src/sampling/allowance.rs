//! A budget of traces per second.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::tick::Tick;

/// Shares a number of traces per second out among the groups of a plan, one for each rule.
///
/// Each second it looks at how many traces came in each group, gives every group what it asks for as long as
/// that is no more than an equal part, and what is left over to the others. A group that asks for more is
/// sampled with a smaller probability. Within the second a group that outruns its part has its probability
/// halved again and again once the budget is used up, so that a burst costs about twice the budget at the most.
///
/// What is decided by is always a probability that was set before the trace came, so it may be told.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_second: f64,
    /// When the next look is due, as a tick's nanoseconds.
    due: AtomicI64,
    /// Of all groups, in this second.
    taken: AtomicU64,
    meters: Box<[Meter]>,
    /// Held by the one thread that looks, once a second; the others pass by.
    seen: Mutex<Seen>,
}

/// Counters are approximate by nature, so no ordering between them is needed.
#[derive(Debug)]
struct Meter {
    /// Of those that come, how many ask to be sampled.
    share: f64,
    came: AtomicU64,
    taken: AtomicU64,
    /// Of those that ask, which part is taken: an `f64`'s bits.
    part: AtomicU64,
    /// At how many taken the part is halved, if the budget is used up.
    brake: AtomicU64,
    /// How many more until it is halved again.
    step: AtomicU32,
}

#[derive(Debug)]
struct Seen {
    since: Option<Tick>,
    /// Traces per second that ask, by group: quick to rise, slow to fall.
    asking: Box<[f64]>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Allowance {
    /// `shares` says for each group how many of those that come ask to be sampled.
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

    /// Counts one that came in this group; gives the part of those that ask that is taken now.
    #[inline]
    pub(crate) fn part(&self, group: usize, now: Tick) -> f64 {
        if now.nanos() >= self.due.load(Relaxed) {
            self.look(now);
        }
        let meter = &self.meters[group];
        meter.came.fetch_add(1, Relaxed);
        f64::from_bits(meter.part.load(Relaxed))
    }

    /// Counts one that was taken.
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
        // one of several threads brakes
        let next = meter
            .brake
            .compare_exchange(brake, taken + step, Relaxed, Relaxed);
        if next.is_ok() {
            meter.step.store(step as u32, Relaxed);
            let part = f64::from_bits(meter.part.load(Relaxed)) / 2.0;
            meter.part.store(part.to_bits(), Relaxed);
        }
    }

    fn equal_part(&self) -> f64 {
        self.per_second / self.meters.len() as f64
    }

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
    /// Begins a second in which this many may be taken before the part is halved. Chance alone makes a few more.
    fn allow(&self, limit: f64) {
        self.taken.store(0, Relaxed);
        self.brake.store((limit * 1.25).ceil() as u64 + 2, Relaxed);
        self.step.store(limit.ceil() as u32, Relaxed);
    }
}

/// The most that a group may have if all together have no more than `total`: those who ask for less get what
/// they ask for, and leave the rest to the others. Infinite if there is enough for all.
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

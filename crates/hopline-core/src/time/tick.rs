//! Monotonic moments, and where they lie in wall time.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use crate::time::clock::{Clock, ManualClock, unix_nanos};
use crate::time::tsc::Counter;

/// A moment in nanoseconds since some fixed one. Signed: a start time that was given may lie before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(i64);

impl Tick {
    pub(crate) const ZERO: Self = Self(0);
    /// Before all others.
    pub(crate) const FIRST: Self = Self(i64::MIN);

    /// Nanoseconds since the fixed moment.
    #[inline]
    pub(crate) fn nanos(self) -> i64 {
        self.0
    }

    /// So much later.
    #[inline]
    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// So much earlier.
    pub(crate) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(time)))
    }

    /// From here to `later`; zero if that is earlier.
    #[inline]
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0).max(0) as u64)
    }
}

/// Where a local trace's ticks lie in wall time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    /// When it was taken.
    pub(crate) tick: Tick,
    /// From ticks to nanoseconds since the Unix epoch.
    offset: i64,
}

impl Anchor {
    pub(crate) const ZERO: Self = Self {
        tick: Tick::ZERO,
        offset: 0,
    };

    #[inline]
    pub(crate) fn unix_nanos(&self, tick: Tick) -> u64 {
        tick.0.saturating_add(self.offset).max(0) as u64
    }

    /// The tick of a wall time.
    pub(crate) fn tick_of(&self, time: SystemTime) -> Tick {
        let nanos = i64::try_from(unix_nanos(time)).unwrap_or(i64::MAX);
        Tick(nanos.saturating_sub(self.offset))
    }
}

/// Reads a tracer's clock.
#[derive(Debug)]
pub(crate) struct Ticker {
    source: Source,
    // Read at each local trace's start and renewed every 10 ms by whoever comes first; two who do it at once
    // write about the same. The wall clock costs as much as the rest of a local trace's start.
    offset: AtomicI64,
    renewed_until: AtomicI64,
}

#[derive(Debug)]
enum Source {
    Std(Instant),
    Tsc(Counter),
    Manual(ManualClock),
}

/// Time after which the wall clock is read again.
const RENEWED_FOR_NANOS: i64 = 10_000_000;

impl Ticker {
    pub(crate) fn new(clock: Clock) -> Self {
        let source = match clock {
            Clock::System => Counter::new().map(Source::Tsc),
            Clock::Manual(clock) => Some(Source::Manual(clock)),
            Clock::Std => None,
        };
        Self {
            source: source.unwrap_or_else(|| Source::Std(Instant::now())),
            offset: AtomicI64::new(0),
            renewed_until: AtomicI64::new(i64::MIN),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Tick {
        match &self.source {
            // 2^63 nanoseconds are 292 years of uptime
            Source::Std(base) => Tick(base.elapsed().as_nanos() as i64),
            Source::Tsc(counter) => Tick(counter.nanos()),
            Source::Manual(clock) => Tick(clock.unix_nanos() as i64),
        }
    }

    /// Now, and where that lies in wall time.
    #[inline]
    pub(crate) fn anchor(&self) -> Anchor {
        let tick = self.now();
        if tick.0 >= self.renewed_until.load(Relaxed) {
            self.renew();
        }
        Anchor {
            tick,
            offset: self.offset.load(Relaxed),
        }
    }

    #[cold]
    fn renew(&self) {
        if let Source::Manual(_) = self.source {
            // it shows wall time already
            return self.renewed_until.store(i64::MAX, Relaxed);
        }
        // between two readings of which the thread may be put to sleep: the closest pair of a few counts
        let pair = (0..4).map(|_| {
            let before = self.now().0;
            let wall = unix_nanos(SystemTime::now()) as i64;
            let after = self.now().0;
            (after - before, wall - before / 2 - after / 2)
        });
        if let Some((_, offset)) = pair.min() {
            self.offset.store(offset, Relaxed);
        }
        self.renewed_until
            .store(self.now().0.saturating_add(RENEWED_FOR_NANOS), Relaxed);
    }
}

/// Nanoseconds of a time; as many as there can be of a longer one.
#[inline]
fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_time_comes_back_to_the_nanosecond() {
        for clock in [Clock::System, Clock::Std] {
            let anchor = Ticker::new(clock).anchor();
            for time in [
                SystemTime::UNIX_EPOCH,
                SystemTime::now(),
                SystemTime::now() + Duration::from_secs(86_400),
            ] {
                assert_eq!(anchor.unix_nanos(anchor.tick_of(time)), unix_nanos(time));
            }
        }
    }

    #[test]
    fn ticks_run_as_the_standard_librarys_do_and_never_back() {
        for clock in [Clock::System, Clock::Std] {
            let ticker = Ticker::new(clock);
            let (begun, first) = (Instant::now(), ticker.now());
            let mut last = first;
            while begun.elapsed() < Duration::from_millis(50) {
                let now = ticker.now();
                assert!(now >= last);
                last = now;
            }
            let (expected, ran) = (begun.elapsed(), first.until(ticker.now()));
            let apart = ran.abs_diff(expected).as_secs_f64() / expected.as_secs_f64();
            assert!(apart < 0.01, "{ran:?} instead of {expected:?}");
        }
    }

    #[test]
    fn moments_lie_in_wall_time() {
        for clock in [Clock::System, Clock::Std] {
            let ticker = Ticker::new(clock);
            let before = unix_nanos(SystemTime::now());
            let anchor = ticker.anchor();
            let after = unix_nanos(SystemTime::now());
            let said = anchor.unix_nanos(anchor.tick);
            // the pair of readings is no better than a clock's step
            let slack = 1_000_000;
            assert!((before - slack..after + slack).contains(&said));
        }
    }
}

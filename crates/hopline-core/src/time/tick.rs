//! Ticks: monotonic moments, and their conversion to wall time.
//!
//! A span records ticks only. Its trace has one anchor, by which exporters convert them: the wall clock is read at most
//! every 10 ms, and no two spans of a trace disagree about it.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use crate::time::clock::{Clock, ManualClock, unix_nanos};
use crate::time::tsc::Counter;

/// A moment in nanoseconds since a fixed one of its clock. Signed, because a given start time may be earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(i64);

impl Tick {
    pub(crate) const ZERO: Self = Self(0);
    /// The earliest moment.
    pub(crate) const FIRST: Self = Self(i64::MIN);

    /// Nanoseconds since the fixed moment.
    #[inline]
    pub(crate) fn nanos(self) -> i64 {
        self.0
    }

    /// The moment this much later.
    #[inline]
    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The moment this much earlier.
    pub(crate) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(time)))
    }

    /// The time from this moment to `later`; zero if `later` is earlier.
    #[inline]
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0).max(0) as u64)
    }
}

/// The conversion of the ticks of a local trace to wall time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    /// The moment of its creation, the start of the trace.
    pub(crate) tick: Tick,
    /// Added to a tick, gives nanoseconds since the Unix epoch.
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

/// The clock of a tracer, ready to be read.
#[derive(Debug)]
pub(crate) struct Ticker {
    source: Source,
    // Read at the start of each local trace, and renewed every 10 ms by the first thread that needs it; two threads at
    // once write about the same value. Reading the wall clock costs as much as the rest of the start of a local trace.
    offset: AtomicI64,
    renewed_until: AtomicI64,
}

#[derive(Debug)]
enum Source {
    Std(Instant),
    Tsc(Counter),
    Manual(ManualClock),
}

/// The time after which the wall clock is read again, in nanoseconds: 10 ms. An adjusted wall clock shows in new traces
/// after this time.
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

    /// The current moment and its wall time.
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
            // a manual clock shows wall time
            return self.renewed_until.store(i64::MAX, Relaxed);
        }
        // the thread may be suspended between two readings, which would shift the offset by that time: of four attempts
        // the one with the least time between its readings counts
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

/// The nanoseconds of a time, saturated at `i64::MAX`.
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
            let shown = anchor.unix_nanos(anchor.tick);
            // the pair of readings is no better than a clock's step
            let slack = 1_000_000;
            assert!((before - slack..after + slack).contains(&shown));
        }
    }
}

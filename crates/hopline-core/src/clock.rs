//! Monotonic time inside a trace, one wall-clock anchor for each local trace.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

/// Where a tracer's times come from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's monotonic clock, anchored to the wall clock at the start of each local trace.
    #[default]
    System,
    /// A clock that only moves when told to, for tests.
    Manual(ManualClock),
}

/// A clock that only moves when told to.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use hopline_core::ManualClock;
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_millis(5));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_millis(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock that stands at this time; times before 1970 count as 1970.
    pub fn new(start: SystemTime) -> Self {
        Self(Arc::new(AtomicU64::new(unix_nanos(start))))
    }

    /// Moves the clock and all its clones on.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let _ = self
            .0
            .fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_add(nanos)));
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0.load(Relaxed))
    }
}

/// A moment in nanoseconds since some fixed one. Signed: a start time that was given may lie before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(i64);

impl Tick {
    pub(crate) const ZERO: Self = Self(0);

    /// Nanoseconds since the clock's fixed moment.
    #[inline]
    pub(crate) fn nanos(self) -> i64 {
        self.0
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
    pub(crate) tick: Tick,
    wall: u64,
}

impl Anchor {
    pub(crate) const ZERO: Self = Self {
        tick: Tick::ZERO,
        wall: 0,
    };

    #[inline]
    pub(crate) fn unix_nanos(&self, tick: Tick) -> u64 {
        self.wall
            .saturating_add_signed(tick.0.saturating_sub(self.tick.0))
    }

    /// The tick of a wall time.
    pub(crate) fn tick_of(&self, time: SystemTime) -> Tick {
        let offset = i128::from(unix_nanos(time)) - i128::from(self.wall);
        let offset = offset.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Tick(self.tick.0.saturating_add(offset))
    }
}

static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        match self {
            // 2^63 nanoseconds are 292 years of uptime
            Self::System => Tick(BASE.elapsed().as_nanos() as i64),
            Self::Manual(clock) => Tick(clock.0.load(Relaxed) as i64),
        }
    }

    #[inline]
    pub(crate) fn anchor(&self) -> Anchor {
        match self {
            Self::System => Anchor {
                tick: self.now(),
                wall: unix_nanos(SystemTime::now()),
            },
            Self::Manual(clock) => {
                let wall = clock.0.load(Relaxed);
                Anchor {
                    tick: Tick(wall as i64),
                    wall,
                }
            }
        }
    }
}

#[inline]
fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_time_comes_back_to_the_nanosecond() {
        let anchor = Clock::System.anchor();
        for time in [
            SystemTime::UNIX_EPOCH,
            SystemTime::now(),
            SystemTime::now() + Duration::from_secs(86_400),
        ] {
            assert_eq!(anchor.unix_nanos(anchor.tick_of(time)), unix_nanos(time));
        }
    }
}

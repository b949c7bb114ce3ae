//! Where a tracer's times come from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// Where a tracer's times come from. All are monotonic within a local trace.
///
/// Moments are anchored to the wall clock at the start of each local trace, so a wall clock that is set moves
/// the traces that begin from then on (within 10 ms), and never a duration.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The fastest clock of this machine that can be trusted: the processor's time-stamp counter, with feature
    /// `tsc` (a default), where Linux itself keeps time by it; else as [`Clock::Std`].
    #[default]
    System,
    /// The standard library's [`Instant`](std::time::Instant), on every machine.
    Std,
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
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.unix_nanos())
    }

    #[inline]
    pub(crate) fn unix_nanos(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Nanoseconds since the Unix epoch; zero for what lies before it.
#[inline]
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

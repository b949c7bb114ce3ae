//! The clocks of a tracer: of the system, of the standard library, or moved by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// The clock of a tracer. All clocks are monotonic within a local trace.
///
/// Times are anchored to the wall clock at the start of each local trace. A wall clock that is adjusted therefore moves
/// later traces (after up to 10 ms), and never changes a duration.
///
/// # Examples
///
/// ```
/// use hopline_core::{Clock, Incoming, SpanBuilder, Tracer};
///
/// let tracer = Tracer::builder().clock(Clock::Std).build();
/// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
/// assert!(job.context_ref().elapsed().is_some());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The fastest reliable clock of this machine: the processor's time-stamp counter if Linux itself uses it as clock
    /// source (feature `tsc`, on by default); otherwise the same as [`Clock::Std`].
    #[default]
    System,
    /// The standard library's [`Instant`](std::time::Instant), on every machine.
    Std,
    /// A clock that only a test moves.
    Manual(ManualClock),
}

/// A clock that only a test moves. Clones are the same clock.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use hopline_core::time::ManualClock;
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_millis(5));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_millis(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock that shows this time. Times before 1970 count as 1970.
    pub fn new(start: SystemTime) -> Self {
        Self(Arc::new(AtomicU64::new(unix_nanos(start))))
    }

    /// Moves the clock and all its clones forward. Stops at the year 2554.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let _ = self
            .0
            .fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_add(nanos)));
    }

    /// The time that it shows.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.unix_nanos())
    }

    #[inline]
    pub(crate) fn unix_nanos(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Nanoseconds since the Unix epoch; zero for earlier times.
#[inline]
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

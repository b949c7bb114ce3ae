//! Who is kept though not sampled.

use std::time::Duration;

use crate::ParentBranch;
use crate::sync::Mutex;
use crate::tick::Tick;

/// The keep rules of a plan, small enough for each local trace to take along: it ends by the rules it began with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Keep {
    pub(crate) errors: KeepErrors,
    pub(crate) slower: Option<Duration>,
    /// What the application asks for, in traces that nothing else would record.
    pub(crate) forced: bool,
    /// Leave alone what another process did not sample.
    pub(crate) local_roots_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepErrors {
    No,
    All,
    PerSecond(u32),
}

impl Keep {
    pub(crate) const NOTHING: Self = Self {
        errors: KeepErrors::No,
        slower: None,
        forced: false,
        local_roots_only: false,
    };

    /// The rules that count for a trace with this decision above it.
    #[inline]
    pub(crate) fn under(self, parent: Option<ParentBranch>) -> Self {
        if self.local_roots_only && parent == Some(ParentBranch::RemoteUnsampled) {
            return Self {
                errors: KeepErrors::No,
                slower: None,
                ..self
            };
        }
        self
    }

    /// True if a trace that was not sampled may yet be kept, so that it has to be recorded.
    #[inline]
    pub(crate) fn records(self) -> bool {
        self.errors != KeepErrors::No || self.slower.is_some() || self.forced
    }
}

/// Counts failed traces within a second, which begins with the first one.
///
/// A lock: taken only for failed traces under a limit, for the length of two comparisons.
#[derive(Debug, Default)]
pub(crate) struct ErrorRate(Mutex<Option<(Tick, u32)>>);

impl ErrorRate {
    /// True for the first `limit` within a second.
    pub(crate) fn take(&self, limit: u32, now: Tick) -> bool {
        let mut second = self.0.lock();
        let (start, count) = match *second {
            Some((start, count)) if start.until(now) < Duration::from_secs(1) => (start, count),
            _ => (now, 0),
        };
        let within = count < limit;
        *second = Some((start, count + u32::from(within)));
        within
    }
}

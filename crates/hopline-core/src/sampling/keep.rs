//! Tail rules: they keep unsampled traces that failed or were slow.

use std::borrow::Cow;
use std::time::Duration;

use crate::sampling::kept::Kept;
use crate::sampling::parents::ParentBranch;
use crate::sync::Mutex;
use crate::time::tick::Tick;

/// The keep rules of a plan. Each local trace has a copy, so it ends by the rules of its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Keep {
    /// Keeps failed traces.
    pub(crate) errors: Option<KeepRate>,
    /// Keeps traces with a slow local root.
    pub(crate) slower: Option<KeepSlower>,
    /// Records traces that nothing else records, so that the application can keep them.
    pub(crate) forced: bool,
    /// Excludes traces that another process did not sample.
    pub(crate) local_roots_only: bool,
}

/// The rate of a keep rule. Limits what clients can cause, since they can make requests fail or slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepRate {
    All,
    PerSecond(u32),
    /// No limit in the rule, in a plan with a budget of this many per second.
    WithinBudget(u32),
}

/// The rule for traces whose local root lasted at least `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeepSlower {
    /// The least duration of the local root.
    pub(crate) limit: Duration,
    pub(crate) rate: KeepRate,
}

impl KeepRate {
    fn within(self, budget: u32) -> Self {
        match self {
            Self::All => Self::WithinBudget(budget),
            limited => limited,
        }
    }

    /// The limit per second.
    pub(crate) fn per_second(self) -> Option<u32> {
        match self {
            Self::All => None,
            Self::PerSecond(rate) | Self::WithinBudget(rate) => Some(rate),
        }
    }
}

impl Keep {
    /// No rules: what is not sampled is not recorded.
    pub(crate) const NOTHING: Self = Self {
        errors: None,
        slower: None,
        forced: false,
        local_roots_only: false,
    };

    /// Limits rules without a rate by the budget.
    pub(crate) fn within(mut self, budget: u32) -> Self {
        self.errors = self.errors.map(|rate| rate.within(budget));
        self.slower = self.slower.map(|slower| KeepSlower {
            rate: slower.rate.within(budget),
            ..slower
        });
        self
    }

    /// The clause that kept a trace, in the text form of a plan; `downstream` if another service did. `None` if it was
    /// sampled at its start.
    pub(crate) fn clause(&self, kept: Kept) -> Option<Cow<'static, str>> {
        match (kept, self.errors, self.slower) {
            (Kept::Head, ..) => None,
            (Kept::Error, Some(rate @ KeepRate::PerSecond(_)), _) => {
                Some(format!("keep errors{rate}").into())
            }
            (Kept::Error, ..) => Some("keep errors".into()),
            (Kept::Slow, _, slower) => slower.map(|slower| slower.to_string().into()),
            (Kept::Forced, ..) => Some("keep forced".into()),
            (Kept::Downstream, ..) => Some("downstream".into()),
        }
    }

    /// The rules for a trace whose parent decided so.
    #[inline]
    pub(crate) fn under(self, parent: Option<ParentBranch>) -> Self {
        if self.local_roots_only && parent == Some(ParentBranch::RemoteUnsampled) {
            return Self {
                errors: None,
                slower: None,
                ..self
            };
        }
        self
    }

    /// True if a trace that was not sampled may yet be kept, so that it has to be recorded.
    #[inline]
    pub(crate) fn records(self) -> bool {
        self.errors.is_some() || self.slower.is_some() || self.forced
    }
}

/// Counts the traces that a keep rule kept within a second, which begins with the first one.
///
/// A lock, because time and count change together. Held for two comparisons, only by failed or slow traces under a limit.
#[derive(Debug, Default)]
pub(crate) struct KeptPerSecond(Mutex<Option<(Tick, u32)>>);

impl KeptPerSecond {
    /// True for the first `limit` calls within a second. A window of a second that starts with a kept trace needs no timer,
    /// and lets at most twice the limit pass in any second.
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

//! How many of the traces that a rule fits are sampled.

use crate::sampling::threshold::Threshold;

/// The smallest share of a plan that is not zero, in percent; a little more than what is believed of others.
const LEAST_PERCENT: f64 = 0.0001;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    /// All of them, whatever a parent decided, and outside the budget.
    Always,
    /// None of them, whatever a parent decided or a keep rule wants: they are not recorded.
    Never,
    /// In percent, as written: so it prints as it was parsed.
    Percent(f64),
}

impl Share {
    pub(crate) const ALL: Self = Self::Percent(100.0);

    /// `None` unless it is 0 or lies between the least percentage and 100.
    pub(crate) fn percent(percent: f64) -> Option<Self> {
        let valid = percent == 0.0 || (LEAST_PERCENT..=100.0).contains(&percent);
        // a sum, so that no negative zero is printed
        valid.then_some(Self::Percent(percent + 0.0))
    }

    /// The nearest from 0 to 1. No number is no share; all is the answer that loses nothing.
    pub(crate) fn nearest(share: f64) -> Self {
        let least = if share > 0.0 { LEAST_PERCENT } else { 0.0 };
        let percent = (share.clamp(0.0, 1.0) * 100.0).max(least);
        // 0.07 * 100.0 is not 7: what anybody would write, if it is that
        let written = (percent * 1e10).round() / 1e10;
        let meant = (written - percent).abs() <= percent * 1e-12;
        Self::percent(if meant { written } else { percent }).unwrap_or(Self::ALL)
    }

    /// True if it counts whatever a parent decided, and outside the budget.
    pub(crate) fn overrules(self) -> bool {
        matches!(self, Self::Always | Self::Never)
    }

    pub(crate) fn of_one(self) -> f64 {
        match self {
            Self::Always => 1.0,
            Self::Never => 0.0,
            Self::Percent(percent) => percent / 100.0,
        }
    }

    pub(crate) fn threshold(self) -> Option<Threshold> {
        Threshold::of_share(self.of_one())
    }
}

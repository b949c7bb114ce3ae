//! How many of the traces that a rule fits are sampled.

use crate::Threshold;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    /// All of them, whatever a parent decided, and outside the budget.
    Always,
    /// In percent, as written: so it prints as it was parsed.
    Percent(f64),
}

impl Share {
    pub(crate) const ALL: Self = Self::Percent(100.0);

    /// None unless it lies between 0 and 100.
    pub(crate) fn percent(percent: f64) -> Option<Self> {
        // a sum, so that no negative zero is printed
        (0.0..=100.0)
            .contains(&percent)
            .then_some(Self::Percent(percent + 0.0))
    }

    /// The nearest from 0 to 1. No number is no share; all is the answer that loses nothing.
    pub(crate) fn nearest(share: f64) -> Self {
        let percent = share.clamp(0.0, 1.0) * 100.0;
        // 0.07 * 100.0 is not 7: what anybody would write, if it is that
        let written = (percent * 1e10).round() / 1e10;
        let meant = (written - percent).abs() <= percent * 1e-12;
        Self::percent(if meant { written } else { percent }).unwrap_or(Self::ALL)
    }

    pub(crate) fn of_one(self) -> f64 {
        match self {
            Self::Always => 1.0,
            Self::Percent(percent) => percent / 100.0,
        }
    }

    pub(crate) fn threshold(self) -> Option<Threshold> {
        Threshold::of_share(self.of_one())
    }
}

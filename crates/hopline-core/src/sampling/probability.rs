//! The sampling probability of a rule.

use crate::sampling::threshold::Threshold;

/// The smallest probability of a plan other than zero, in percent; a little above the smallest that is accepted from
/// callers.
const LEAST_PERCENT: f64 = 0.0001;

/// The probability of a rule. `Always` and `Never` are more than 100 % and 0 %: they also overrule parents and budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Probability {
    /// All traces, regardless of parents and budget.
    Always,
    /// No trace, regardless of parents and keep rules: they are not recorded.
    Never,
    /// A percentage, in the form in which it was written, so that it prints as it was parsed.
    Percent(f64),
}

impl Probability {
    /// 100 %: all new traces, within the budget.
    pub(crate) const ALL: Self = Self::Percent(100.0);

    /// The probability of a percentage. `None` unless it is 0, or from the least percentage to 100.
    ///
    /// Smaller ones are refused, because receivers would not accept their thresholds.
    pub(crate) fn percent(percent: f64) -> Option<Self> {
        let valid = percent == 0.0 || (LEAST_PERCENT..=100.0).contains(&percent);
        // the addition turns -0 into 0, which prints without a sign
        valid.then_some(Self::Percent(percent + 0.0))
    }

    /// The nearest probability from 0 to 1. NaN counts as 1, which loses nothing.
    pub(crate) fn nearest(probability: f64) -> Self {
        let least = if probability > 0.0 {
            LEAST_PERCENT
        } else {
            0.0
        };
        let percent = (probability.clamp(0.0, 1.0) * 100.0).max(least);
        // 0.07 * 100.0 is not 7; prefers the short decimal if it is equal within rounding
        let written = (percent * 1e10).round() / 1e10;
        let meant = (written - percent).abs() <= percent * 1e-12;
        Self::percent(if meant { written } else { percent }).unwrap_or(Self::ALL)
    }

    /// True if it applies regardless of parents and budget.
    pub(crate) fn overrules(self) -> bool {
        matches!(self, Self::Always | Self::Never)
    }

    /// The probability as a number from 0 to 1.
    pub(crate) fn as_fraction(self) -> f64 {
        match self {
            Self::Always => 1.0,
            Self::Never => 0.0,
            Self::Percent(percent) => percent / 100.0,
        }
    }

    /// The threshold; `None` for 0, which no threshold expresses.
    pub(crate) fn threshold(self) -> Option<Threshold> {
        Threshold::from_probability(self.as_fraction())
    }
}

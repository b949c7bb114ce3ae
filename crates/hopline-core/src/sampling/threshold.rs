//! How much of the 56 random bits of a trace a share of traces leaves out.

use std::fmt;

use crate::propagation::id::hex_word;

/// 2 to the power of 56: one more than the largest randomness.
const ALL: u64 = 1 << 56;
const DIGITS: u32 = 14;
/// The smallest share that plans and budgets make, and that is believed of others: 2 to the power of -20.
pub(crate) const LEAST_SHARE: f64 = 1.0 / (1 << 20) as f64;

/// The share of traces that is sampled, as OpenTelemetry's consistent probability sampling writes it (`th`).
///
/// A trace is sampled if its 56 random bits reach the threshold, so services that sample different shares
/// sample nested sets: what the lower share takes, the higher one takes as well
/// ([Probability sampling in tracestate][spec]).
///
/// # Examples
///
/// ```
/// use hopline_core::Threshold;
///
/// let tenth = Threshold::of_share(0.1).unwrap();
/// assert_eq!(tenth.to_string(), "e666");
/// assert!((tenth.adjusted_count() - 10.0).abs() < 0.01);
/// assert_eq!(Threshold::of_share(0.0), None, "nothing is no share");
/// ```
///
/// # Trust
///
/// A threshold that comes from another process is believed down to a share of 2^-20, which is less than the smallest
/// that a [`SamplingPlan`](crate::SamplingPlan) makes: with a forged one a span represents at most 1,048,576 others. A
/// smaller share counts as unknown, and is not passed on.
///
/// [spec]: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// Every trace.
    pub const EVERY: Self = Self(0);

    /// The threshold of a share from 2^-56 to 1, to four significant digits; `None` for any other number.
    pub fn of_share(share: f64) -> Option<Self> {
        let all = ALL as f64;
        if !(1.0 / all..=1.0).contains(&share) {
            return None;
        }
        let exact = ALL - (share * all).round() as u64;
        // digits that are all `f` say little: a share of a thousandth begins with two
        let exponent = ((share.to_bits() >> 52) & 0x7ff) as i32 - 1022;
        let leading = (-exponent).max(0) as u32 / 4;
        let dropped = 4 * DIGITS.saturating_sub(4 + leading);
        let rounded = ((exact + (1 << dropped) / 2) >> dropped) << dropped;
        Some(Self(if rounded < ALL { rounded } else { exact }))
    }

    /// Reads 1 to 14 lower-case hexadecimal digits, as `th` has them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() as u32;
        if !(1..=DIGITS).contains(&digits) {
            return None;
        }
        Some(Self(hex_word(text.as_bytes())? << (4 * (DIGITS - digits))))
    }

    /// True if it takes a trace of this randomness.
    #[inline]
    pub fn takes(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// The share of traces that it takes.
    pub fn share(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// True if a plan can have made it; see [Trust](Self#trust).
    pub(crate) fn is_plausible(self) -> bool {
        self.0 <= ALL - (ALL >> 20)
    }

    /// The number of traces that one sampled trace represents: 1 / [`share`](Self::share).
    pub fn adjusted_count(self) -> f64 {
        1.0 / self.share()
    }
}

/// As `th` has it: without the zeros at its right.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        let shown = digits.trim_end_matches('0');
        f.write_str(if shown.is_empty() { "0" } else { shown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_specification() {
        for (share, text) in [
            (1.0, "0"),
            (0.5, "8"),
            (1.0 / 3.0, "aaab"),
            (0.25, "c"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
        ] {
            let threshold = Threshold::of_share(share).unwrap();
            assert_eq!(threshold.to_string(), text);
            assert_eq!(Threshold::from_hex(text), Some(threshold));
        }
    }

    #[test]
    fn what_plans_can_make_is_plausible_and_nothing_rarer() {
        let least = Threshold::of_share(LEAST_SHARE).unwrap();
        assert!(least.is_plausible() && Threshold::EVERY.is_plausible());
        assert_eq!(least.adjusted_count(), 1_048_576.0);
        assert!(!Threshold(least.0 + 1).is_plausible());
    }

    #[test]
    fn the_smallest_share_takes_one_of_all() {
        let least = Threshold::of_share(1.0 / ALL as f64).unwrap();
        assert_eq!(least.to_string(), "f".repeat(14));
        assert!(least.takes(ALL - 1) && !least.takes(ALL - 2));
        for share in [
            0.0,
            -0.1,
            1.1,
            f64::NAN,
            f64::INFINITY,
            1.0 / ALL as f64 / 2.0,
        ] {
            assert_eq!(Threshold::of_share(share), None, "{share}");
        }
        for text in ["", "E", "+1", "0x1", "fffffffffffffff"] {
            assert_eq!(Threshold::from_hex(text), None, "{text}");
        }
    }
}

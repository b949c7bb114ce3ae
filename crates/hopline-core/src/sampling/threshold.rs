//! Thresholds: the form in which a sampling probability is compared and sent (`th`).

use std::fmt;

use crate::propagation::id::hex_word;

/// 2 to the power of 56: one more than the largest randomness.
const ALL: u64 = 1 << 56;
const DIGITS: u32 = 14;
/// The smallest probability of plans and budgets, and the smallest that is accepted from callers: 2 to the power of -20.
pub(crate) const LEAST_PROBABILITY: f64 = 1.0 / (1 << 20) as f64;

/// A sampling probability as a threshold, the `th` of OpenTelemetry's consistent probability sampling.
///
/// A trace is sampled if its 56 random bits are at least the threshold. All services compare the same bits, so services
/// with different probabilities sample nested sets: traces sampled by the lower one are sampled by the higher one too
/// ([Probability sampling in tracestate][spec]).
///
/// # Examples
///
/// ```
/// use hopline_core::sampling::Threshold;
///
/// let tenth = Threshold::from_probability(0.1).unwrap();
/// assert_eq!(tenth.to_string(), "e666");
/// assert!((tenth.adjusted_count() - 10.0).abs() < 0.01);
/// assert_eq!(Threshold::from_probability(0.0), None, "a threshold samples something");
/// ```
///
/// # Trust
///
/// A threshold of another process is accepted down to a probability of 2^-20, which is less than the smallest of a
/// [`SamplingPlan`](crate::SamplingPlan): a forged one gives a span an adjusted count of at most 1,048,576. A smaller
/// probability counts as unknown, and is not forwarded.
///
/// [spec]: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// The threshold that samples every trace (probability 1).
    pub const EVERY: Self = Self(0);

    /// The threshold of a probability from 2^-56 to 1, to four significant digits; `None` for any other number.
    pub fn from_probability(probability: f64) -> Option<Self> {
        let all = ALL as f64;
        if !(1.0 / all..=1.0).contains(&probability) {
            return None;
        }
        let exact = ALL - (probability * all).round() as u64;
        // leading digits `f` carry no precision, so small probabilities get more digits: 1/1000 begins with two
        let exponent = ((probability.to_bits() >> 52) & 0x7ff) as i32 - 1022;
        let leading = (-exponent).max(0) as u32 / 4;
        let dropped = 4 * DIGITS.saturating_sub(4 + leading);
        let rounded = ((exact + (1 << dropped) / 2) >> dropped) << dropped;
        Some(Self(if rounded < ALL { rounded } else { exact }))
    }

    /// Parses the value of `th`: 1 to 14 lower-case hexadecimal digits. `None` for other text.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() as u32;
        if !(1..=DIGITS).contains(&digits) {
            return None;
        }
        Some(Self(hex_word(text.as_bytes())? << (4 * (DIGITS - digits))))
    }

    /// True if it samples a trace of this randomness.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::sampling::Threshold;
    ///
    /// let half = Threshold::from_hex("8").unwrap();
    /// assert!(half.takes(0x80_0000_0000_0000));
    /// assert!(!half.takes(0x7f_ffff_ffff_ffff));
    /// ```
    #[inline]
    pub fn takes(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// The probability, from 2^-56 to 1.
    pub fn probability(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// True if a plan can produce it; see [Trust](Self#trust).
    pub(crate) fn is_plausible(self) -> bool {
        self.0 <= ALL - (ALL >> 20)
    }

    /// The number of traces that a sampled one represents: the inverse of the probability.
    pub fn adjusted_count(self) -> f64 {
        1.0 / self.probability()
    }
}

/// Prints the value of `th`, without trailing zeros.
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
        for (probability, text) in [
            (1.0, "0"),
            (0.5, "8"),
            (1.0 / 3.0, "aaab"),
            (0.25, "c"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
        ] {
            let threshold = Threshold::from_probability(probability).unwrap();
            assert_eq!(threshold.to_string(), text);
            assert_eq!(Threshold::from_hex(text), Some(threshold));
        }
    }

    #[test]
    fn what_plans_can_make_is_plausible_and_nothing_rarer() {
        let least = Threshold::from_probability(LEAST_PROBABILITY).unwrap();
        assert!(least.is_plausible() && Threshold::EVERY.is_plausible());
        assert_eq!(least.adjusted_count(), 1_048_576.0);
        assert!(!Threshold(least.0 + 1).is_plausible());
    }

    #[test]
    fn the_smallest_share_takes_one_of_all() {
        let least = Threshold::from_probability(1.0 / ALL as f64).unwrap();
        assert_eq!(least.to_string(), "f".repeat(14));
        assert!(least.takes(ALL - 1) && !least.takes(ALL - 2));
        for probability in [
            0.0,
            -0.1,
            1.1,
            f64::NAN,
            f64::INFINITY,
            1.0 / ALL as f64 / 2.0,
        ] {
            assert_eq!(
                Threshold::from_probability(probability),
                None,
                "{probability}"
            );
        }
        for text in ["", "E", "+1", "0x1", "fffffffffffffff"] {
            assert_eq!(Threshold::from_hex(text), None, "{text}");
        }
    }
}

//! Integers that may exceed `i64`, the integer of OTLP attributes.

use std::fmt::Write;

use crate::attribute::text::Text;

/// An integer of any type, as sign and magnitude. Beyond `i64` it is recorded as decimal text, as the
/// [mapping to OTLP](https://opentelemetry.io/docs/specs/otel/common/attribute-type-mapping/#integer-values) requires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide {
    negative: bool,
    // two words: a `u128` would align every value to 16 bytes
    high: u64,
    low: u64,
}

/// Integers of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wides<'a> {
    U64(&'a [u64]),
    Usize(&'a [usize]),
    U128(&'a [u128]),
    I128(&'a [i128]),
}

impl Wide {
    /// Bytes of the longest text: a sign and 39 digits.
    pub(crate) const MAX_DIGITS: usize = 40;

    fn size(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// The number, if it fits into `i64`.
    pub(crate) fn as_i64(self) -> Option<i64> {
        let size = i128::try_from(self.size()).ok()?;
        i64::try_from(if self.negative { -size } else { size }).ok()
    }

    /// Writes its decimal text into a batch whose text begins at `base`.
    pub(crate) fn print(self, text: &mut String, base: usize) -> Text {
        let at = text.len();
        let sign = if self.negative { "-" } else { "" };
        // writing to a string cannot fail
        let _ = write!(text, "{sign}{}", self.size());
        Text::Copied {
            at: (at - base) as u32,
            len: (text.len() - at) as u32,
        }
    }
}

impl From<u128> for Wide {
    fn from(size: u128) -> Self {
        Self {
            negative: false,
            high: (size >> 64) as u64,
            low: size as u64,
        }
    }
}

impl From<i128> for Wide {
    fn from(number: i128) -> Self {
        Self {
            negative: number < 0,
            ..number.unsigned_abs().into()
        }
    }
}

impl<'a> Wides<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::U64(numbers) => numbers.len(),
            Self::Usize(numbers) => numbers.len(),
            Self::U128(numbers) => numbers.len(),
            Self::I128(numbers) => numbers.len(),
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Wide> + use<'a> {
        (0..self.len()).map(move |at| match self {
            Self::U64(numbers) => u128::from(numbers[at]).into(),
            Self::Usize(numbers) => (numbers[at] as u128).into(),
            Self::U128(numbers) => numbers[at].into(),
            Self::I128(numbers) => numbers[at].into(),
        })
    }

    /// True if all of them can be integers: the values of an array are of one type.
    pub(crate) fn all_fit(self) -> bool {
        self.iter().all(|number| number.as_i64().is_some())
    }
}

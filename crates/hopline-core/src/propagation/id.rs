//! Trace and span ids that cannot be zero.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// The 128-bit id of a trace; never all zero.
///
/// All spans of a trace share it, in every service. Printed and parsed as 32 lower-case hexadecimal digits
/// ([Trace Context, trace-id]). An invalid id cannot be held, so every `TraceId` can be sent.
///
/// # Examples
///
/// ```
/// use hopline_core::TraceId;
///
/// let id = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736")?;
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!(TraceId::from_hex("00000000000000000000000000000000").is_err());
/// # Ok::<(), hopline_core::propagation::ParseIdError>(())
/// ```
///
/// [Trace Context, trace-id]: https://www.w3.org/TR/trace-context-2/#trace-id
// Two words: a `u128` would align every context to 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId {
    high: u64,
    low: u64,
}

impl TraceId {
    /// Parses 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Returns an error for any other length or character, upper case included, and for all zeros.
    pub fn from_hex(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(ParseIdError(()));
        }
        let (high, low) = digits.split_at(16);
        let id = Self {
            high: hex_word(high).ok_or(ParseIdError(()))?,
            low: hex_word(low).ok_or(ParseIdError(()))?,
        };
        id.checked().ok_or(ParseIdError(()))
    }

    /// The id of these bytes, most significant first; `None` for all zeros.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::TraceId;
    ///
    /// let id = TraceId::from_bytes([7; 16]).unwrap();
    /// assert_eq!(id.to_bytes(), [7; 16]);
    /// assert_eq!(TraceId::from_bytes([0; 16]), None);
    /// ```
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::from_u128(u128::from_be_bytes(bytes))
    }

    /// The id's bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.to_u128().to_be_bytes()
    }

    /// The id of this number; `None` for zero.
    pub fn from_u128(number: u128) -> Option<Self> {
        Self {
            high: (number >> 64) as u64,
            low: number as u64,
        }
        .checked()
    }

    /// The id as a number.
    pub fn to_u128(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// The right-most 56 bits, which consistent probability sampling compares with its threshold.
    #[inline]
    pub(crate) fn randomness(self) -> u64 {
        self.low & ((1 << 56) - 1)
    }

    fn checked(self) -> Option<Self> {
        (self.high | self.low != 0).then_some(self)
    }
}

/// The 64-bit id of a span; never zero.
///
/// Unique within its trace, and sent as the parent id of calls.
/// Printed and parsed as 16 lower-case hexadecimal digits ([Trace Context, parent-id]).
///
/// # Examples
///
/// ```
/// use hopline_core::SpanId;
///
/// assert_eq!(SpanId::from_u64(0x00f0_67aa_0ba9_02b7).unwrap().to_string(), "00f067aa0ba902b7");
/// assert!(SpanId::from_hex("00F067AA0BA902B7").is_err(), "upper case is not of the format");
/// ```
///
/// [Trace Context, parent-id]: https://www.w3.org/TR/trace-context-2/#parent-id
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// Parses 16 lower-case hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Returns an error for any other length or character, upper case included, and for all zeros.
    pub fn from_hex(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.as_bytes();
        if digits.len() != 16 {
            return Err(ParseIdError(()));
        }
        hex_word(digits)
            .and_then(Self::from_u64)
            .ok_or(ParseIdError(()))
    }

    /// The id of these bytes, most significant first; `None` for all zeros.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SpanId;
    ///
    /// assert_eq!(SpanId::from_bytes([0, 0, 0, 0, 0, 0, 0, 9]), SpanId::from_u64(9));
    /// assert_eq!(SpanId::from_bytes([0; 8]), None);
    /// ```
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        Self::from_u64(u64::from_be_bytes(bytes))
    }

    /// The id's bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 8] {
        self.to_u64().to_be_bytes()
    }

    /// The id of this number; `None` for zero.
    #[inline]
    pub fn from_u64(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The id as a number.
    #[inline]
    pub fn to_u64(self) -> u64 {
        self.0.get()
    }
}

/// The error of a text that is not an id: wrong length, not lower-case hexadecimal, or all zeros.
///
/// # Examples
///
/// ```
/// use hopline_core::SpanId;
///
/// let error = SpanId::from_hex("0000000000000000").unwrap_err();
/// assert_eq!(error.to_string(), "not an id: expected lower-case hexadecimal digits, not all zero");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected lower-case hexadecimal digits, not all zero")]
pub struct ParseIdError(());

crate::debug_as_display!(ParseIdError);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(f, self.high)?;
        write_digits(f, self.low)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::from_hex(text)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(f, self.0.get())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::from_hex(text)
    }
}

/// Writes sixteen digits. `{:016x}` takes ten times as long, and log lines print ids.
fn write_digits(f: &mut fmt::Formatter<'_>, word: u64) -> fmt::Result {
    f.write_str(str::from_utf8(&hex_digits(word)).unwrap_or_default())
}

/// Up to 16 lower-case hexadecimal digits as a number. (`from_str_radix` would take a sign and upper case.)
pub(crate) fn hex_word(digits: &[u8]) -> Option<u64> {
    // eight at a time: each incoming request has 48 of them
    let (eights, rest) = digits.as_chunks();
    let word = eights.iter().try_fold(0, |word, eight| {
        Some(word << 32 | hex_half(u64::from_be_bytes(*eight))?)
    })?;
    rest.iter().try_fold(word, |word, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(word << 4 | u64::from(digit))
    })
}

/// The 16 lower-case hexadecimal digits of a number.
pub(crate) fn hex_digits(word: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let (high, low) = digits.split_at_mut(8);
    high.copy_from_slice(&digits_of_half(word >> 32).to_be_bytes());
    low.copy_from_slice(&digits_of_half(word & u64::from(u32::MAX)).to_be_bytes());
    digits
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight digits, each in its byte, of a number of 32 bits.
#[inline]
fn digits_of_half(mut word: u64) -> u64 {
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f * EACH),
    ] {
        word = (word | word << shift) & mask;
    }
    let letters = ((word + 6 * EACH) >> 4) & EACH;
    word + u64::from(b'0') * EACH + letters * u64::from(b'a' - b'9' - 1)
}

/// Eight digits, each in its byte, as a number of 32 bits.
#[inline]
fn hex_half(digits: u64) -> Option<u64> {
    const HIGH: u64 = 0x80 * EACH;
    // sets the high bit of each byte that is at least this; without high bits in the input no byte carries into the next
    let at_least = |least: u8| digits.wrapping_add(EACH * u64::from(0x80 - least));
    let decimal = at_least(b'0') & !at_least(b'9' + 1);
    let letter = at_least(b'a') & !at_least(b'f' + 1);
    if digits & HIGH != 0 || (decimal | letter) & HIGH != HIGH {
        return None;
    }
    let mut word = (digits & (0x0f * EACH)) + 9 * ((digits >> 6) & EACH);
    for (shift, mask) in [
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0xffff_ffff),
    ] {
        word = (word | word >> shift) & mask;
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_one_zero_word_is_valid() {
        let id = TraceId::from_u128(1 << 64).unwrap();
        assert_eq!(id.to_string(), "00000000000000010000000000000000");
        assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
    }

    #[test]
    fn every_digit_is_printed_in_every_place() {
        for (digit, at) in (0..16_u64).flat_map(|digit| (0..16).map(move |at| (digit, at))) {
            let word = (0x0f1e_2d3c_4b5a_6978 & !(0xf << (4 * at))) | digit << (4 * at);
            let text = String::from_utf8(hex_digits(word).to_vec()).unwrap();
            assert_eq!(text, format!("{word:016x}"));
        }
    }

    #[test]
    fn each_byte_in_each_place_is_a_digit_or_refused() {
        for (at, byte) in (0..16).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut text = *b"0123456789abcdef";
            text[at] = byte;
            let digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let read = str::from_utf8(&text).ok().filter(|_| digit);
            let expected = read.and_then(|text| u64::from_str_radix(text, 16).ok());
            assert_eq!(hex_word(&text), expected, "{byte} at {at}");
            assert_eq!(hex_word(&text[at..]).is_some(), digit, "{byte} at {at}");
        }
    }

    #[test]
    fn signs_upper_case_and_other_lengths_are_refused() {
        for text in [
            "",
            "+bf92f3577b34da6a3ce929d0e0e4736",
            "4BF92f3577b34da6a3ce929d0e0e4736",
            "4bf92f3577b34da6a3ce929d0e0e47361",
        ] {
            assert_eq!(TraceId::from_hex(text), Err(ParseIdError(())), "{text}");
        }
        for text in [
            "0",
            "00f067aa0ba902b70",
            "-0f067aa0ba902b7",
            "0000000000000000",
        ] {
            assert_eq!(SpanId::from_hex(text), Err(ParseIdError(())), "{text}");
        }
    }
}

//! The flags of a trace context.

use std::ops::BitOr;

/// The W3C trace flags: whether the trace is sampled, and whether its id is random.
///
/// Unknown bits are never held, so they are never sent ([Trace Context, trace-flags]).
///
/// # Examples
///
/// ```
/// use hopline_core::TraceFlags;
///
/// let flags = TraceFlags::from_bits(0xff);
/// assert_eq!(flags, TraceFlags::SAMPLED | TraceFlags::RANDOM);
/// assert!(!flags.with_sampled(false).is_sampled());
/// ```
///
/// [Trace Context, trace-flags]: https://www.w3.org/TR/trace-context-2/#trace-flags
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// Neither sampled nor known to be random.
    pub const NONE: Self = Self(0);
    /// The trace is sampled: the caller may have recorded it.
    pub const SAMPLED: Self = Self(1);
    /// The right-most 7 bytes of the trace id are random.
    pub const RANDOM: Self = Self(2);

    /// The known flags among these bits. Unknown bits are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::TraceFlags;
    ///
    /// assert_eq!(TraceFlags::from_bits(0b1000_0001).bits(), 1);
    /// ```
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The bits as they are sent.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if the trace is sampled.
    #[inline]
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// True if the trace id is known to be random.
    #[inline]
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// Returns the flags with the sampled flag set or cleared.
    #[inline]
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        Self(self.0 & !Self::SAMPLED.0 | sampled as u8)
    }
}

impl BitOr for TraceFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

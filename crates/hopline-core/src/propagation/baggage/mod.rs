//! Baggage: the application's key-value pairs that are sent with a request.
//! `header` has the grammar; [`Incoming`](super::Incoming) reads it, [`Context`](crate::Context) writes it.

use std::fmt;
use std::sync::Arc;

pub(crate) mod header;

use header::{Encoded, MAX_BYTES, MAX_MEMBERS, Member, Parser, is_token};

/// Key-value pairs of the application that are sent with a request: at most 64, and 8192 bytes together.
///
/// An immutable value; cloning it counts a reference. Every downstream service receives it, so it must contain nothing
/// secret. The limits and the grammar are those of [W3C Baggage].
///
/// # Examples
///
/// ```
/// use hopline_core::Baggage;
///
/// let baggage = Baggage::default().with("tenant_id", "acme & sons")?;
/// assert_eq!(baggage.get("tenant_id"), Some("acme & sons"));
/// assert_eq!(baggage.to_string(), "tenant_id=acme%20&%20sons");
/// # Ok::<(), hopline_core::propagation::BaggageError>(())
/// ```
///
/// [W3C Baggage]: https://www.w3.org/TR/baggage/
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage(Option<Arc<[Member]>>);

impl Baggage {
    /// No pairs.
    pub const EMPTY: Self = Self(None);

    /// Parses the values of all `baggage` header lines, in their order.
    ///
    /// Members that are malformed or beyond the limits are dropped whole; returns the number of dropped ones. Reads at
    /// most 32 KiB of members.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Baggage;
    ///
    /// let (baggage, dropped) = Baggage::parse([&b"tenant_id=acme, malformed"[..], b"plan=free"]);
    /// assert_eq!((baggage.len(), dropped), (2, 1));
    /// ```
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> (Self, u32) {
        let mut parser = Parser::default();
        for line in lines {
            parser.line(line);
        }
        Self::parsed(parser)
    }

    pub(crate) fn parsed(parser: Parser) -> (Self, u32) {
        (Self::from_members(parser.members), parser.dropped)
    }

    /// The decoded value of a key; the first one if a peer sent the key twice. `None` if there is none.
    ///
    /// Case matters in keys.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Returns the baggage with this pair, which replaces those of the same key.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not an RFC 7230 token, or if the pair would exceed the limits.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, BaggageError> {
        if !is_token(key.as_bytes()) {
            return Err(BaggageError(Reason::Key));
        }
        let mut members = self.others(key);
        members.push(Member {
            key: key.into(),
            value: value.into(),
            properties: "".into(),
        });
        let bytes = members
            .iter()
            .map(|member| member.encoded_len() + 1)
            .sum::<usize>()
            - 1;
        if members.len() > MAX_MEMBERS || bytes > MAX_BYTES {
            return Err(BaggageError(Reason::Size));
        }
        Ok(Self::from_members(members))
    }

    /// Returns the baggage without this key.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Baggage;
    ///
    /// let baggage = Baggage::EMPTY.with("tenant_id", "acme")?;
    /// assert!(baggage.without("tenant_id").is_empty());
    /// # Ok::<(), hopline_core::propagation::BaggageError>(())
    /// ```
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        Self::from_members(self.others(key))
    }

    /// The pairs in their order, values decoded. Properties of members are sent, and not shown here.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members()
            .iter()
            .map(|member| (&*member.key, &*member.value))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// True if there is no pair.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn members(&self) -> &[Member] {
        self.0.as_deref().unwrap_or_default()
    }

    fn others(&self, key: &str) -> Vec<Member> {
        self.members()
            .iter()
            .filter(|member| &*member.key != key)
            .cloned()
            .collect()
    }

    fn from_members(members: Vec<Member>) -> Self {
        Self((!members.is_empty()).then(|| members.into()))
    }
}

/// Prints the value of a `baggage` header: values percent-encoded, properties included.
impl fmt::Display for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, member) in self.members().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(
                f,
                "{comma}{}={}{}",
                member.key,
                Encoded(&member.value),
                member.properties
            )?;
        }
        Ok(())
    }
}

/// Prints the keys only: values may be personal.
impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|(key, _)| key))
            .finish()
    }
}

/// The error of a pair that could not be added to the baggage.
///
/// # Examples
///
/// ```
/// use hopline_core::Baggage;
///
/// let error = Baggage::EMPTY.with("not a token", "1").unwrap_err();
/// assert_eq!(error.to_string(), "the key is not an RFC 7230 token");
/// assert!(error.is_invalid_key());
/// let error = Baggage::EMPTY.with("tenant_id", &"x".repeat(10_000)).unwrap_err();
/// assert!(error.is_full());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", match .0 {
    Reason::Key => "the key is not an RFC 7230 token",
    Reason::Size => "more than 64 pairs or 8192 bytes",
})]
pub struct BaggageError(Reason);

crate::debug_as_display!(BaggageError);

impl BaggageError {
    /// True if the key is not a token of RFC 7230.
    pub fn is_invalid_key(&self) -> bool {
        self.0 == Reason::Key
    }

    /// True if the baggage would exceed 64 pairs or 8192 bytes. It is unchanged then.
    pub fn is_full(&self) -> bool {
        self.0 == Reason::Size
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Key,
    Size,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str]) -> (String, u32) {
        let (baggage, dropped) = Baggage::parse(lines.iter().map(|line| line.as_bytes()));
        (baggage.to_string(), dropped)
    }

    #[test]
    fn properties_survive_and_white_space_does_not() {
        assert_eq!(
            parsed(&["a = 1 ; p1 ; p2 = v , b=2"]),
            ("a=1;p1;p2=v,b=2".into(), 0)
        );
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_plus_is_itself() {
        let (baggage, _) = Baggage::parse([&b"k=a=b,p=1+1"[..]]);
        assert_eq!(
            (baggage.get("k"), baggage.get("p")),
            (Some("a=b"), Some("1+1"))
        );
    }

    #[test]
    fn percent_sequences_are_decoded_and_coded_again() {
        let (baggage, _) = Baggage::parse([&b"k=%E2%82%AC%20x,bad=%FF,half=50%,slash=%5C"[..]]);
        assert_eq!(baggage.get("k"), Some("\u{20ac} x"));
        assert_eq!(baggage.get("bad"), Some("\u{fffd}"));
        assert_eq!(baggage.get("half"), Some("50%"));
        assert_eq!(
            baggage.to_string(),
            "k=%E2%82%AC%20x,bad=%EF%BF%BD,half=50%25,slash=%5C"
        );
    }

    #[test]
    fn malformed_members_are_left_out_whole_and_counted() {
        assert_eq!(
            parsed(&["a=1,b,c d=2,=3,e=\"q\",f=1;p 1", "g=7"]),
            ("a=1,g=7".into(), 5)
        );
    }

    #[test]
    fn limits_count_all_lines_together() {
        let lines: Vec<String> = (0..20)
            .map(|i| {
                (0..4)
                    .map(|j| format!("k{i}x{j}=1"))
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .collect();
        let (baggage, dropped) = Baggage::parse(lines.iter().map(|line| line.as_bytes()));
        assert_eq!((baggage.len(), dropped), (64, 16));
        let full = format!("k={}", "v".repeat(8190));
        assert_eq!(parsed(&[&full]).1, 0);
        assert_eq!(parsed(&[&full, "a=1"]), (full, 1));
    }

    #[test]
    fn debug_shows_no_value() {
        let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
        assert_eq!(format!("{baggage:?}"), "{\"tenant_id\"}");
    }
}

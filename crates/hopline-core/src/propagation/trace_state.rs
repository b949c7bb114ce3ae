//! The `tracestate` header: the type and its grammar,
//! [Trace Context Level 2, section 3.3](https://www.w3.org/TR/trace-context-2/#tracestate-header).

use std::fmt;
use std::sync::Arc;

use crate::propagation::headers::trim_ows;

pub(crate) const MAX_MEMBERS: usize = 32;
/// The size that peers accept as one header. The specification requires at least 512.
const MAX_BYTES: usize = 8192;
/// Members longer than this are dropped first.
const LONG: usize = 128;

/// The `tracestate` of a trace: a list of at most 32 `key=value` members, one for each tracing vendor; always valid.
///
/// hopline reads and writes the member `ot`, which contains the sampling threshold, and forwards the others. A list of
/// more than 8192 bytes, which peers would refuse as a header, is shortened by whole members.
///
/// Cloning it counts a reference. The grammar is that of [Trace Context Level 2, tracestate].
///
/// # Examples
///
/// ```
/// use hopline_core::propagation::TraceState;
///
/// let state = TraceState::parse(["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"])?;
/// assert_eq!(state.get("rojo"), Some("00f067aa0ba902b7"));
///
/// // a member that is set moves to the left
/// let state = state.with("rojo", "1")?;
/// assert_eq!(state.to_string(), "rojo=1,congo=t61rcWkgMzE");
/// # Ok::<(), hopline_core::propagation::ParseTraceStateError>(())
/// ```
///
/// [Trace Context Level 2, tracestate]: https://www.w3.org/TR/trace-context-2/#tracestate-header
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// The empty list.
    pub const EMPTY: Self = Self(None);

    /// Parses the values of all `tracestate` header lines, in their order.
    ///
    /// # Errors
    ///
    /// Returns an error if one member is invalid, or if there are more than 32: the whole list is invalid then.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::propagation::TraceState;
    ///
    /// assert!(TraceState::parse(["valid=1,also-valid=2"]).is_ok());
    /// assert!(TraceState::parse(["valid=1,Invalid=2"]).is_err());
    /// ```
    pub fn parse<'a>(
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ParseTraceStateError> {
        let mut parser = Parser::default();
        for value in values {
            parser.line(value.as_bytes());
        }
        parser.finish()
    }

    /// The value of a key; the first one if a peer sent the key twice. `None` if there is none.
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Returns the list with this member at its left, the place of the newest.
    ///
    /// It replaces a member of the same key. A 33rd member removes the right-most one.
    ///
    /// # Errors
    ///
    /// Returns an error if the key or the value does not match the grammar.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, ParseTraceStateError> {
        if !is_key(key.as_bytes()) || !is_value(value.as_bytes()) {
            return Err(ParseTraceStateError(()));
        }
        let mut text = format!("{key}={value}");
        for (k, v) in self.iter().filter(|(k, _)| *k != key).take(MAX_MEMBERS - 1) {
            text.extend([",", k, "=", v]);
        }
        Ok(Self::from_valid(shortened(text)))
    }

    /// Returns the list without this key.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::propagation::TraceState;
    ///
    /// let state = TraceState::parse(["a=1,b=2"]).unwrap();
    /// assert_eq!(state.without("a").as_str(), "b=2");
    /// ```
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        if self.get(key).is_none() {
            return self.clone();
        }
        let others: Vec<String> = self
            .iter()
            .filter(|(k, _)| *k != key)
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        Self::from_valid(others.join(","))
    }

    /// The members from left to right, the newest first. Keys may repeat if a peer sent duplicates.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = self.0.as_deref().unwrap_or_default();
        text.split(',').filter_map(|member| member.split_once('='))
    }

    /// True if there is no member.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the header as it is sent; empty for the empty list, for which no header is sent.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The heap bytes it holds, counted in full for each clone.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        /// The counts before the text.
        const COUNTS: usize = 2 * size_of::<usize>();
        self.0.as_ref().map_or(0, |text| text.len() + COUNTS)
    }

    pub(crate) fn from_valid(text: String) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The error of a list, key or value that does not match the `tracestate` grammar.
///
/// # Examples
///
/// ```
/// use hopline_core::propagation::TraceState;
///
/// let error = TraceState::EMPTY.with("Upper", "1").unwrap_err();
/// assert_eq!(error.to_string(), "not a valid tracestate");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid tracestate")]
pub struct ParseTraceStateError(());

crate::debug_as_display!(ParseTraceStateError);

/// Parser of header lines, in order. Bounded: it stops copying at the first invalid or 33rd member.
///
/// Fed line by line, so that carriers need not collect their lines.
#[derive(Default)]
pub(crate) struct Parser {
    text: String,
    members: usize,
    invalid: bool,
}

impl Parser {
    pub(crate) fn line(&mut self, line: &[u8]) {
        for member in line.split(|byte| *byte == b',') {
            if self.invalid {
                return;
            }
            // a value may begin with spaces, so only what is before the key and after the value is optional
            let member = trim_ows(member);
            if !member.is_empty() {
                self.member(member);
            }
        }
    }

    pub(crate) fn finish(self) -> Result<TraceState, ParseTraceStateError> {
        if self.invalid {
            Err(ParseTraceStateError(()))
        } else {
            Ok(TraceState::from_valid(shortened(self.text)))
        }
    }

    fn member(&mut self, member: &[u8]) {
        self.members += 1;
        let text = std::str::from_utf8(member).ok().filter(|text| {
            let pair = text.split_once('=');
            self.members <= MAX_MEMBERS
                && pair.is_some_and(|(k, v)| is_key(k.as_bytes()) && is_value(v.as_bytes()))
        });
        let Some(text) = text else {
            self.invalid = true;
            return;
        };
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(text);
    }
}

/// Shortens to what peers accept, by whole members: first the long ones, then from the right. Keeps the left-most one,
/// which is the newest ([section 3.3.1.5](https://www.w3.org/TR/trace-context-2/#tracestate-limits)).
pub(crate) fn shortened(text: String) -> String {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let mut members: Vec<&str> = text.split(',').collect();
    let mut bytes = text.len();
    for long in [true, false] {
        for at in (1..members.len()).rev() {
            if bytes > MAX_BYTES && (!long || members[at].len() > LONG) {
                bytes -= members.remove(at).len() + 1;
            }
        }
    }
    members.join(",")
}

/// True for a key of Level 2: a lower-case letter or digit, then up to 255 of those and `_ - * / @`. Keys of Level 1
/// are a subset.
pub(crate) fn is_key(key: &[u8]) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |byte: &u8| lower(*byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    matches!(key, [first, rest @ ..] if lower(*first) && rest.len() < 256 && rest.iter().all(part))
}

/// 1 to 256 printable ASCII characters without comma and equals sign, the last no space.
pub(crate) fn is_value(value: &[u8]) -> bool {
    let printable = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    matches!(value, [.., last] if *last != b' ')
        && value.len() <= 256
        && value.iter().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str]) -> Option<String> {
        TraceState::parse(lines.iter().copied())
            .ok()
            .map(|state| state.to_string())
    }

    #[test]
    fn lines_are_joined_in_order_and_empty_members_skipped() {
        assert_eq!(
            parsed(&["foo=1", "", " bar=2 ,, baz=3\t"]).as_deref(),
            Some("foo=1,bar=2,baz=3")
        );
        assert_eq!(parsed(&[]).as_deref(), Some(""));
    }

    #[test]
    fn keys_are_those_of_level_2() {
        for key in [
            "foo",
            "0foo",
            "foo@",
            "a@@b",
            "t*241@v*14",
            "z/_-*",
            &"z".repeat(256),
        ] {
            assert!(parsed(&[&format!("{key}=1")]).is_some(), "{key}");
        }
        for key in [
            "",
            "@foo",
            "FOO",
            "foo.bar",
            "foo ",
            "_foo",
            "\u{e9}",
            &"z".repeat(257),
        ] {
            assert!(parsed(&[&format!("{key}=1")]).is_none(), "{key}");
        }
    }

    #[test]
    fn values_are_printable_and_not_empty() {
        for value in ["1", " 1", "a b", &"v".repeat(256), "~!"] {
            assert!(parsed(&[&format!("foo={value}")]).is_some(), "{value}");
        }
        for value in ["", "a=b", "a\tb", "\u{7f}", "\u{e9}", &"v".repeat(257)] {
            assert!(parsed(&[&format!("foo={value}")]).is_none(), "{value:?}");
        }
    }

    #[test]
    fn one_bad_member_or_a_33rd_discards_all() {
        let members = |count: usize| {
            (0..count)
                .map(|i| format!("bar{i}=1"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert!(parsed(&[&members(32)]).is_some());
        assert!(parsed(&[&members(33)]).is_none());
        assert!(parsed(&["foo=1,foo"]).is_none());
    }
}

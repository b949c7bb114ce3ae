//! What vendors send along with a trace.

use std::fmt;
use std::sync::Arc;

use crate::propagation::tracestate;

/// The vendors' list of a trace, always valid: at most 32 members of `key=value`.
///
/// One longer than 8192 bytes, which peers would refuse as a header, is shortened by whole members.
///
/// Cloning it counts a reference. The grammar is that of [Trace Context Level 2, tracestate].
///
/// # Examples
///
/// ```
/// use hopline_core::TraceState;
///
/// let state = TraceState::parse(["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"])?;
/// assert_eq!(state.get("rojo"), Some("00f067aa0ba902b7"));
///
/// // what is set moves to the left
/// let state = state.with("rojo", "1")?;
/// assert_eq!(state.to_string(), "rojo=1,congo=t61rcWkgMzE");
/// # Ok::<(), hopline_core::ParseTraceStateError>(())
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
    /// One invalid member, or more than 32, make the whole list invalid.
    pub fn parse<'a>(
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ParseTraceStateError> {
        let mut parser = tracestate::Parser::default();
        for value in values {
            parser.line(value.as_bytes());
        }
        parser.finish()
    }

    /// The value of a key; the first one if a peer sent the key twice.
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// The list with this member at its left, where the newest stands.
    ///
    /// Another member of the same key goes; of 33 members the right-most goes.
    ///
    /// # Errors
    ///
    /// A key or value that is not of the grammar.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, ParseTraceStateError> {
        if !tracestate::is_key(key.as_bytes()) || !tracestate::is_value(value.as_bytes()) {
            return Err(ParseTraceStateError);
        }
        let mut text = format!("{key}={value}");
        for (k, v) in self
            .iter()
            .filter(|(k, _)| *k != key)
            .take(tracestate::MAX_MEMBERS - 1)
        {
            text.extend([",", k, "=", v]);
        }
        Ok(Self::from_valid(tracestate::shortened(text)))
    }

    /// The list without this key.
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

    /// The members from left to right.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = self.0.as_deref().unwrap_or_default();
        text.split(',').filter_map(|member| member.split_once('='))
    }

    /// True if there is no member.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The text as sent; empty for the empty list.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The memory it keeps, counted whole for each that shares it.
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

/// The list, key or value was not of the `tracestate` grammar.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid tracestate")]
pub struct ParseTraceStateError;

crate::debug_as_display!(ParseTraceStateError);

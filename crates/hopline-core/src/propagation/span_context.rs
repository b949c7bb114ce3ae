//! The identity of a span that is sent to other services, and its header, `traceparent`:
//! [Trace Context Level 2, section 3.2](https://www.w3.org/TR/trace-context-2/#traceparent-header).

use std::fmt;
use std::str::FromStr;

use crate::propagation::flags::TraceFlags;
use crate::propagation::headers::trim_ows;
use crate::propagation::id::{SpanId, TraceId, hex_digits, hex_word};
use crate::propagation::trace_state::TraceState;

/// `vv-tttttttttttttttttttttttttttttttt-ssssssssssssssss-ff`
const LENGTH: usize = 55;

/// The identity of a span that is sent to other services: trace id, span id, flags and tracestate.
///
/// Links and remote parents are given by it. Parsing and printing have the form of a `traceparent` header.
///
/// # Examples
///
/// ```
/// use hopline_core::SpanContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: SpanContext = text.parse()?;
/// assert!(context.is_sampled() && context.is_remote());
/// assert_eq!(context.to_string(), text);
/// # Ok::<(), hopline_core::propagation::ParseTraceParentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    remote: bool,
    tracestate: TraceState,
}

impl SpanContext {
    /// Creates a context of this process (not remote), with an empty tracestate.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{SpanContext, SpanId, TraceFlags, TraceId};
    ///
    /// let trace = TraceId::from_u128(1).unwrap();
    /// let context = SpanContext::new(trace, SpanId::from_u64(2).unwrap(), TraceFlags::SAMPLED);
    /// assert!(!context.is_remote());
    /// assert_eq!(context.to_string(), "00-00000000000000000000000000000001-0000000000000002-01");
    /// ```
    pub fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            remote: false,
            tracestate: TraceState::EMPTY,
        }
    }

    /// Returns the context with this tracestate.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SpanContext;
    /// use hopline_core::propagation::TraceState;
    ///
    /// let context: SpanContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
    /// let context = context.with_tracestate(TraceState::EMPTY.with("vendor", "1").unwrap());
    /// assert_eq!(context.tracestate().get("vendor"), Some("1"));
    /// # Ok::<(), hopline_core::propagation::ParseTraceParentError>(())
    /// ```
    #[must_use]
    pub fn with_tracestate(mut self, tracestate: TraceState) -> Self {
        self.tracestate = tracestate;
        self
    }

    /// Returns the context marked as received from another process.
    #[must_use]
    pub(crate) fn into_remote(mut self) -> Self {
        self.remote = true;
        self
    }

    /// The id of the trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The id of the span.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The flags: sampled, random.
    pub fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// The tracestate.
    pub fn tracestate(&self) -> &TraceState {
        &self.tracestate
    }

    /// True if the trace is sampled: a service before this one decided to record it.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// True if it was received from another process. A span with such a parent is a local root.
    ///
    /// Parsed contexts are remote; those of [`new`](Self::new) and of spans are not.
    pub fn is_remote(&self) -> bool {
        self.remote
    }
}

/// Prints the value of a `traceparent` header of version 00.
impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TraceParentText::new(self.trace_id, self.span_id, self.flags).as_str())
    }
}

/// Parses the value of a `traceparent` header, strictly: lower case, exact lengths, ids that are not zero.
impl FromStr for SpanContext {
    type Err = ParseTraceParentError;

    fn from_str(text: &str) -> Result<Self, ParseTraceParentError> {
        parse_traceparent(text.as_bytes()).ok_or(ParseTraceParentError(()))
    }
}

/// The error of a text that is not a valid `traceparent`.
///
/// # Examples
///
/// ```
/// use hopline_core::SpanContext;
///
/// let error = "00-1-2-01".parse::<SpanContext>().unwrap_err();
/// assert_eq!(error.to_string(), "not a valid traceparent");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid traceparent")]
pub struct ParseTraceParentError(());

crate::debug_as_display!(ParseTraceParentError);

/// Parses one header value, strictly: lower case, exact lengths, ids that are not zero.
///
/// A version above 00 may continue after the flags, behind a dash; `ff` is no version.
pub(crate) fn parse_traceparent(value: &[u8]) -> Option<SpanContext> {
    let value = trim_ows(value);
    let (known, rest) = value.split_at_checked(LENGTH)?;
    if known[2] != b'-' || known[35] != b'-' || known[52] != b'-' {
        return None;
    }
    match hex_word(&known[..2])? {
        0xff => return None,
        0 if !rest.is_empty() => return None,
        _ if !matches!(rest, [] | [b'-', ..]) => return None,
        _ => {}
    }
    let high = u128::from(hex_word(&known[3..19])?);
    let low = u128::from(hex_word(&known[19..35])?);
    let trace_id = TraceId::from_u128(high << 64 | low)?;
    let span_id = SpanId::from_u64(hex_word(&known[36..52])?)?;
    let flags = TraceFlags::from_bits(hex_word(&known[53..])? as u8);
    Some(SpanContext::new(trace_id, span_id, flags).into_remote())
}

/// The value of the header as text, always in version 00, on the stack: writing headers allocates nothing here.
///
/// Log lines use it too, for the digits of the ids.
#[derive(Debug)]
pub(crate) struct TraceParentText([u8; LENGTH]);

impl TraceParentText {
    pub(crate) fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let trace_id = trace_id.to_u128();
        text[3..19].copy_from_slice(&hex_digits((trace_id >> 64) as u64));
        text[19..35].copy_from_slice(&hex_digits(trace_id as u64));
        text[36..52].copy_from_slice(&hex_digits(span_id.to_u64()));
        text[53..].copy_from_slice(&hex_digits(flags.bits().into())[14..]);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        // only ASCII was put in, so this cannot fail; an empty header would be dropped by every peer
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn with(at: usize, byte: u8) -> Vec<u8> {
        let mut text = VALID.as_bytes().to_vec();
        text[at] = byte;
        text
    }

    #[test]
    fn what_is_printed_is_parsed() {
        let context = parse_traceparent(VALID.as_bytes()).unwrap();
        assert_eq!(
            TraceParentText::new(context.trace_id(), context.span_id(), context.flags()).as_str(),
            VALID
        );
        assert!(context.is_remote());
    }

    #[test]
    fn white_space_around_is_ignored_and_inside_is_not() {
        assert!(parse_traceparent(format!(" \t{VALID}\t ").as_bytes()).is_some());
        assert!(parse_traceparent(&with(10, b' ')).is_none());
    }

    #[test]
    fn every_byte_has_its_place() {
        for at in 0..LENGTH {
            for bad in *b"g+ A\0\xff" {
                assert!(parse_traceparent(&with(at, bad)).is_none(), "{bad} at {at}");
            }
            assert!(
                parse_traceparent(&VALID.as_bytes()[..at]).is_none(),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn version_00_ends_with_the_flags() {
        for tail in ["-", ".", "-what", "0", "x"] {
            assert!(
                parse_traceparent(format!("{VALID}{tail}").as_bytes()).is_none(),
                "{tail}"
            );
        }
    }

    #[test]
    fn a_later_version_may_go_on_after_a_dash() {
        let later = VALID.replacen("00", "cc", 1);
        assert!(parse_traceparent(later.as_bytes()).is_some());
        assert!(
            parse_traceparent(format!("{later}-what-the-future-will-be-like").as_bytes()).is_some()
        );
        assert!(parse_traceparent(format!("{later}.what").as_bytes()).is_none());
        assert!(parse_traceparent(VALID.replacen("00", "ff", 1).as_bytes()).is_none());
    }

    #[test]
    fn zero_ids_are_refused_and_unknown_flags_dropped() {
        assert!(
            parse_traceparent(b"00-00000000000000000000000000000000-00f067aa0ba902b7-01").is_none()
        );
        assert!(
            parse_traceparent(b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01").is_none()
        );
        let flags = parse_traceparent(VALID.replace("-01", "-ff").as_bytes())
            .unwrap()
            .flags();
        assert_eq!(flags.bits(), 3);
    }
}

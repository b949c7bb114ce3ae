//! The facts of a span to be started.

use crate::attribute::value::Name;
use crate::engine::buffer::Start;
use crate::kind::SpanKind;
use crate::propagation::span_context::SpanContext;

/// A span's facts, whichever parent it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanFacts<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) kind: SpanKind,
    /// The scope's number.
    pub(crate) scope: u8,
    pub(crate) start: Start,
    pub(crate) links: &'a [SpanContext],
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) destination: Option<&'a str>,
}

//! The facts of a span to be started: everything but its parent, its tracer and its attributes.
//! `builder` fills them, `decision` reads them for sampling.

use crate::attribute::value::Name;
use crate::engine::buffer::Start;
use crate::kind::SpanKind;
use crate::propagation::span_context::SpanContext;

/// The facts of a span, the same for every kind of parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanFacts<'a> {
    pub(crate) name: Name<'a>,
    /// Put before the name, with a space between; joined only if the name is needed as one text.
    pub(crate) prefix: Option<&'static str>,
    pub(crate) kind: SpanKind,
    /// The number of the instrumentation scope.
    pub(crate) scope: u8,
    pub(crate) start: Start,
    pub(crate) links: &'a [SpanContext],
    /// These four are for sampling only: the edge records them as attributes.
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) destination: Option<&'a str>,
}

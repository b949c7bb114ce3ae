//! Custom samplers: code that decides at the start of a trace.

use crate::kind::SpanKind;
use crate::propagation::id::TraceId;
use crate::propagation::span_context::SpanContext;
use crate::sampling::threshold::Threshold;

/// The facts of a local root that a sampler sees. Attributes are not among them: their closures run only if the span is
/// recorded.
///
/// # Examples
///
/// ```
/// use hopline_core::TraceId;
/// use hopline_core::sampling::SamplingInput;
///
/// let mut input = SamplingInput::new(TraceId::from_u128(7).unwrap());
/// input.path = Some("/health");
/// assert_eq!(input.randomness, 7);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SamplingInput<'a> {
    /// The parent in another process or of another tracer, if there is one.
    pub parent: Option<&'a SpanContext>,
    /// The id of the trace: that of the parent, or a new one.
    pub trace_id: TraceId,
    /// The 56 random bits of the trace, the same in all services, with which a [`Threshold`] is compared. Under a parent
    /// the first service of the trace chose them.
    pub randomness: u64,
    /// The kind.
    pub kind: SpanKind,
    /// The name, prefix included.
    pub name: &'a str,
    /// The method of an HTTP request.
    pub method: Option<&'a str>,
    /// The path of an HTTP request.
    pub path: Option<&'a str>,
    /// The route template, if the router has run already.
    pub route: Option<&'a str>,
    /// The destination of a message.
    pub destination: Option<&'a str>,
}

impl SamplingInput<'_> {
    /// An internal root of this trace without a name, for tests of samplers.
    pub fn new(trace_id: TraceId) -> Self {
        Self {
            parent: None,
            trace_id,
            randomness: trace_id.randomness(),
            kind: SpanKind::Internal,
            name: "",
            method: None,
            path: None,
            route: None,
            destination: None,
        }
    }
}

/// The decision of a [`Sampler`].
///
/// # Examples
///
/// ```
/// use hopline_core::sampling::{Decision, Threshold};
///
/// let tenth = Threshold::from_hex("e666").map_or(Decision::Drop, Decision::Probability);
/// assert_ne!(tenth, Decision::Drop);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Follows the parent and its probability. Samples a trace without a parent.
    Parent,
    /// Samples if the randomness of the trace is at least this threshold. Calls send the probability (`ot=th:…` in the
    /// tracestate), so receivers can compute the number of traces that a sampled one represents, down to a probability
    /// of 2^-20: see [`Threshold`](Threshold#trust).
    Probability(Threshold),
    /// Samples for another reason. The trace has no known probability.
    Keep,
    /// Does not sample. Keep rules may still keep the trace.
    Drop,
}

/// A custom sampler: decides at the start of a local trace whether it is sampled.
///
/// Write one if the rules of a [`SamplingPlan`](crate::SamplingPlan) are not enough. The keep rules of the plan still
/// apply to traces that it drops. If it panics, the plan decides.
///
/// # Examples
///
/// ```
/// use hopline_core::sampling::{Decision, Sampler, SamplingInput, Threshold};
///
/// /// One in a hundred, and all traces with a certain name.
/// struct Ours;
///
/// impl Sampler for Ours {
///     fn sample(&self, input: &SamplingInput<'_>) -> Decision {
///         if input.parent.is_some() {
///             Decision::Parent
///         } else if input.name.starts_with("billing.") {
///             Decision::Probability(Threshold::EVERY)
///         } else {
///             Threshold::from_probability(0.01).map_or(Decision::Drop, Decision::Probability)
///         }
///     }
/// }
/// let tracer = hopline_core::Tracer::builder().sampler(Ours).build();
/// let job = hopline_core::SpanBuilder::new("billing.run").tracer(&tracer).parent(Default::default()).start();
/// assert!(job.span_context().unwrap().is_sampled());
/// ```
pub trait Sampler: Send + Sync + 'static {
    /// Decides. Called on the thread that starts the span, outside all locks; must not block.
    fn sample(&self, input: &SamplingInput<'_>) -> Decision;
}

//! Who is sampled when a trace starts, for those to whom rules are not enough.

use crate::kind::SpanKind;
use crate::propagation::id::TraceId;
use crate::propagation::span_context::SpanContext;
use crate::sampling::threshold::Threshold;

/// What is known of a local root before any attribute closure runs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SamplingInput<'a> {
    /// The span above, in another process or of another tracer, if there is one.
    pub parent: Option<&'a SpanContext>,
    /// The trace: the parent's, or a new one.
    pub trace_id: TraceId,
    /// The trace's 56 random bits, which are the same in all services: what a [`Threshold`] is compared with. Under a
    /// parent they are chosen by the service that began the trace.
    pub randomness: u64,
    /// Its role.
    pub kind: SpanKind,
    /// Its name.
    pub name: &'a str,
    /// The method of an HTTP request.
    pub method: Option<&'a str>,
    /// The path of an HTTP request.
    pub path: Option<&'a str>,
    /// The route's template, where the router has run already.
    pub route: Option<&'a str>,
    /// The destination of a message.
    pub destination: Option<&'a str>,
}

impl SamplingInput<'_> {
    /// An internal root of this trace without a name, to try samplers on.
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

/// What a [`Sampler`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// What the parent says, and by its share; sampled if there is no parent.
    Parent,
    /// Sampled if the trace's randomness reaches this. Those who receive the trace learn the share (`ot=th:…`
    /// in its tracestate), so they can compute how many traces it represents, down to a share of 2^-20: see
    /// [`Threshold`](Threshold#trust).
    Share(Threshold),
    /// Sampled for another reason: nobody can count from it.
    Keep,
    /// Not sampled.
    Drop,
}

/// Decides at the start of a local trace whether it is sampled.
///
/// A [`SamplingPlan`](crate::SamplingPlan) does without one; write one where rules are not enough. What it
/// says no to may still be kept by the plan's rules for failed and slow traces.
///
/// # Examples
///
/// ```
/// use hopline_core::{Decision, Sampler, SamplingInput, Threshold};
///
/// /// One in a hundred, and whatever begins under a name of ours.
/// struct Ours;
///
/// impl Sampler for Ours {
///     fn sample(&self, input: &SamplingInput<'_>) -> Decision {
///         if input.parent.is_some() {
///             Decision::Parent
///         } else if input.name.starts_with("billing.") {
///             Decision::Share(Threshold::EVERY)
///         } else {
///             Threshold::of_share(0.01).map_or(Decision::Drop, Decision::Share)
///         }
///     }
/// }
/// let tracer = hopline_core::Tracer::builder().sampler(Ours).build();
/// ```
pub trait Sampler: Send + Sync + 'static {
    /// Called on the request's thread, outside all locks.
    fn sample(&self, input: &SamplingInput<'_>) -> Decision;
}

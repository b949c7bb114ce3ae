//! Who is sampled when a trace starts.

use crate::{Kind, SpanContext, TraceId};

/// What is known of a local root before any attribute closure runs.
#[derive(Clone, Copy, Debug)]
pub struct SamplingInput<'a> {
    /// Its role.
    pub kind: Kind,
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

/// Decides at the start of a local trace whether it is sampled.
///
/// A [`SamplingPlan`](crate::SamplingPlan) is one; write another where rules are not enough. What it
/// says no to may still be kept by the plan's rules for failed and slow traces.
pub trait Sampler: Send + Sync + 'static {
    /// True to sample. `parent` is the span above, in another process or this one, if there is one.
    ///
    /// Called on the request's thread, outside all locks.
    fn sample(
        &self,
        parent: Option<&SpanContext>,
        trace_id: TraceId,
        input: &SamplingInput<'_>,
    ) -> bool;
}

//! Treatment of a parent's sampling decision.

use crate::propagation::span_context::SpanContext;
use crate::sampling::probability::Probability;

/// The sampling decision of a parent: remote or local, sampled or not.
///
/// # Examples
///
/// ```
/// use hopline_core::SamplingPlan;
/// use hopline_core::sampling::ParentBranch;
///
/// let plan = SamplingPlan::new().parents(ParentBranch::RemoteSampled, 0.1);
/// assert_eq!(plan.to_string(), "* 100%; remote sampled parents 10%");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "two answers to two questions, so there are four"
)]
pub enum ParentBranch {
    /// Another process sampled it.
    RemoteSampled,
    /// Another process did not sample it.
    RemoteUnsampled,
    /// Another tracer of this process sampled it.
    LocalSampled,
    /// Another tracer of this process did not sample it.
    LocalUnsampled,
}

impl ParentBranch {
    pub(crate) const EACH: [Self; 4] = [
        Self::RemoteSampled,
        Self::RemoteUnsampled,
        Self::LocalSampled,
        Self::LocalUnsampled,
    ];

    pub(crate) fn from_parent(parent: &SpanContext) -> Self {
        match (parent.is_remote(), parent.is_sampled()) {
            (true, true) => Self::RemoteSampled,
            (true, false) => Self::RemoteUnsampled,
            (false, true) => Self::LocalSampled,
            (false, false) => Self::LocalUnsampled,
        }
    }

    /// Its words in the text form of a plan.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::RemoteSampled => "remote sampled",
            Self::RemoteUnsampled => "remote unsampled",
            Self::LocalSampled => "local sampled",
            Self::LocalUnsampled => "local unsampled",
        }
    }
}

/// The treatment of traces with a parent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum OnParent {
    /// Follows the decision of the parent.
    #[default]
    Follow,
    /// The rules decide as for a new trace, by randomness of this process, so that the parent has no influence.
    Ignore,
    /// The rules decide as for a new trace, by the randomness of the trace, so that services sample nested sets.
    Resample,
    /// Samples with this probability; of traces that were sampled before, a consistent subset.
    Probability(Probability),
}

/// The treatment for each [`ParentBranch`]. Defaults to following all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parents([OnParent; 4]);

impl Parents {
    pub(crate) fn on(&self, branch: ParentBranch) -> OnParent {
        self.0[branch as usize]
    }

    pub(crate) fn set(&mut self, branch: ParentBranch, to: OnParent) {
        self.0[branch as usize] = to;
    }

    pub(crate) fn set_all(&mut self, to: OnParent) {
        self.0 = [to; 4];
    }

    pub(crate) fn are_all(&self, on: OnParent) -> bool {
        self.0 == [on; 4]
    }
}

//! What a decision that was made before means.

use crate::propagation::span_context::SpanContext;
use crate::sampling::share::Share;

/// A decision that was made before this service's: where, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentBranch {
    /// Another process sampled it.
    RemoteSampled,
    /// Another process did not.
    RemoteUnsampled,
    /// Another tracer of this process sampled it.
    LocalSampled,
    /// Another tracer of this process did not.
    LocalUnsampled,
}

impl ParentBranch {
    pub(crate) const EACH: [Self; 4] = [
        Self::RemoteSampled,
        Self::RemoteUnsampled,
        Self::LocalSampled,
        Self::LocalUnsampled,
    ];

    pub(crate) fn of(parent: &SpanContext) -> Self {
        match (parent.is_remote(), parent.is_sampled()) {
            (true, true) => Self::RemoteSampled,
            (true, false) => Self::RemoteUnsampled,
            (false, true) => Self::LocalSampled,
            (false, false) => Self::LocalUnsampled,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::RemoteSampled => "remote sampled",
            Self::RemoteUnsampled => "remote unsampled",
            Self::LocalSampled => "local sampled",
            Self::LocalUnsampled => "local unsampled",
        }
    }
}

/// What is done where a parent has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum OnParent {
    /// The same.
    #[default]
    Follow,
    /// The rules decide as for a new trace, by randomness of this process: the parent has no part in it.
    Ignore,
    /// The rules decide as for a new trace, by the trace's own randomness, so that services sample nested sets.
    Resample,
    /// This many are sampled; of sampled ones, those that a lower share takes too.
    Share(Share),
}

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

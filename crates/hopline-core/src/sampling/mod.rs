//! Sampling: the decision at the start of a trace, and the one at the end of its local part.
//!
//! A [`SamplingPlan`] suffices for most services; a [`Sampler`] decides by code.

pub(crate) mod active;
mod allowance;
pub(crate) mod keep;
mod parents;
mod plan;
mod print;
mod rule;
mod sampler;
mod share;
mod text;
mod threshold;
mod variables;

pub use parents::ParentBranch;
pub use plan::SamplingPlan;
pub use rule::SamplingRule;
pub use sampler::{Decision, Sampler, SamplingInput};
pub use text::ParsePlanError;
pub use threshold::Threshold;

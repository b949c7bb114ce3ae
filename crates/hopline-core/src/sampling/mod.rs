//! Sampling: the decision at the start of a trace, and the one at the end of its local part.
//!
//! A [`SamplingPlan`] suffices for most services; a [`Sampler`] decides by code.
//!
//! ```
//! use hopline_core::SamplingPlan;
//!
//! let plan: SamplingPlan = "/health never; * 5%; keep errors 100/s".parse()?;
//! assert_eq!(plan.to_string(), "/health never; * 5%; keep errors 100/s");
//! # Ok::<(), hopline_core::sampling::ParsePlanError>(())
//! ```
//!
//! For export, the engine and the public handles. Imports `propagation` and `time`.

pub(crate) mod active_plan;
pub(crate) mod keep;
pub(crate) mod kept;
pub(crate) mod ot_member;
pub(crate) mod parents;
pub(crate) mod plan;
pub(crate) mod print;
pub(crate) mod probability;
pub(crate) mod rate_budget;
pub(crate) mod rule;
pub(crate) mod sampler;
pub(crate) mod text;
pub(crate) mod threshold;
pub(crate) mod variables;

pub use parents::ParentBranch;
pub use plan::SamplingPlan;
pub use rule::SamplingRule;
pub use sampler::{Decision, Sampler, SamplingInput};
pub use text::ParsePlanError;
pub use threshold::Threshold;

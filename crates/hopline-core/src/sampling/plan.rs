//! Sampling plans: what is sampled at the start of a trace, and what is kept at its end, in the form that operators write.

use std::time::Duration;

use crate::sampling::keep::{Keep, KeepRate, KeepSlower};
use crate::sampling::parents::{OnParent, ParentBranch, Parents};
use crate::sampling::probability::Probability;
use crate::sampling::rule::SamplingRule;

/// A sampling plan: what is sampled at the start of a trace, and what is kept at its end.
///
/// At the start, a trace with a parent follows the parent's decision; a new one is sampled with the probability of the
/// first rule that matches it. At the end of the local root, a trace that was not sampled is kept if a keep rule
/// applies. The clause that kept it is recorded on the local root, as
/// `hopline.sampling.rule`; without one, the value is `parent`, `sampler` or
/// `downstream` (another service keeps the trace).
///
/// Probabilities are OpenTelemetry's consistent ones: calls send the probability (`ot=th:…` in the tracestate), and
/// services with different probabilities sample nested sets; see [`Threshold`](crate::sampling::Threshold).
///
/// # As text
///
/// A plan is also text, and prints in the form that it is parsed from: clauses separated by semicolons.
///
/// | clause | means |
/// |---|---|
/// | `GET /orders/{id} 10%` | one in ten of the new traces that start with this method and route or path |
/// | `/health 0%` | the same for any method: no new trace, but failed and slow ones are kept where the plan keeps those |
/// | `/health never` | they are not recorded at all: not where a parent sampled them, not if they fail or are slow; also `drop` |
/// | `POST /checkout always` | all of them, also where a parent decided otherwise, and outside the budget |
/// | `kind consumer 50%` | by the local root's kind: `server`, `client`, `producer`, `consumer`, `internal` |
/// | `name nightly.* 1%` | by its name; a final `*` matches any rest |
/// | `destination orders.* 20%` | by a message's destination |
/// | `kind server method PUT path /a 5%` | conditions together; `method` and `path` may be written as words |
/// | `any 1%` | a rule that matches every trace; rules behind it have no effect |
/// | `* 5%` | all other new traces; defaults to 100 % |
/// | `budget 200/s` | about as many sampled traces in a second; more are sampled with a smaller probability |
/// | `keep errors` | every trace in which a span failed |
/// | `keep errors 100/s` | the first hundred of them in a second; the others are counted ([`Stats::errors_let_go`](crate::Stats::errors_let_go)) |
/// | `keep slower 500ms` | every trace whose local root took this long (`s`, `ms`, `us`, `ns`) |
/// | `keep slower 500ms 50/s` | the first fifty of them in a second; the others are counted ([`Stats::slow_let_go`](crate::Stats::slow_let_go)) |
/// | `keep forced` | every trace for which the application calls [`keep`](crate::Span::keep); implied by the two before |
/// | `local roots only` | the keep rules do not apply to traces that another process did not sample |
/// | `ignore parents` | decides anew although a parent has decided, by randomness of this process: nothing that a caller sends has an influence |
/// | `resample parents` | decides anew by the randomness of the trace: services of different probabilities sample nested sets |
/// | `remote sampled parents 10%` | one in ten of the traces that another process sampled; also `unsampled`, and `local` for another tracer of this process; or `follow`, `ignore`, `resample` |
///
/// Probabilities are 0 % or from 0.0001 % to 100 %.
///
/// In a path `{name}` matches one segment, and a final `*` all that follow. Words with spaces or semicolons are written
/// in double quotes: `name "process orders" 5%`.
///
/// # Examples
///
/// ```
/// use hopline_core::SamplingPlan;
///
/// let plan: SamplingPlan = "GET /products 10%; POST /checkout 100%; * 5%; keep errors".parse()?;
/// assert_eq!(plan.to_string(), "GET /products 10%; POST /checkout 100%; * 5%; keep errors");
///
/// let error = "GET /products 10; keep errors".parse::<SamplingPlan>().unwrap_err();
/// assert_eq!(error.to_string(), "`10` at 14: expected a percentage such as 10%, `always` or `never`");
/// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
/// ```
///
/// # Trust
///
/// Services that untrusted callers can reach should use a layer that does not [continue](crate::Trust) their traces
/// (`TraceLayer::public()`): nothing that they send then influences a decision. If a layer continues the trace of an
/// untrusted caller:
///
/// * a plan that follows parents records traces that the caller marks as sampled, and none that it marks as unsampled;
/// * `resample parents` and probabilities of parents compare with the randomness of the trace, which its first service
///   chooses;
/// * `ignore parents` is safe: it uses randomness of this process, and forwards that (`rv`);
/// * a budget is safe: traces sampled by other processes are a group of their own, from which it selects by randomness of
///   this process. The selected traces have no known probability.
///
/// # Slow traces
///
/// A server span lasts until the last byte of the response is sent, so clients can make it slow: by a slow upload, by
/// reading the response slowly, by keeping a stream open. Clients can often cause failures too. Give `keep errors` and
/// `keep slower` a rate in services that untrusted callers can reach. In a plan with a budget, a keep rule without a rate
/// keeps at most as many traces per second as the budget, in addition to the budget.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingPlan {
    pub(crate) rules: Vec<SamplingRule>,
    pub(crate) others: Probability,
    pub(crate) parents: Parents,
    pub(crate) keep: Keep,
    pub(crate) budget: Option<u32>,
}

impl SamplingPlan {
    /// The default plan: samples every new trace, and follows every parent.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SamplingPlan;
    ///
    /// assert_eq!(SamplingPlan::new().to_string(), "* 100%");
    /// let failed = SamplingPlan::new().others(0.0).keep_errors();
    /// assert_eq!(failed.to_string(), "* 0%; keep errors");
    /// ```
    pub fn new() -> Self {
        Self {
            rules: Vec::new(),
            others: Probability::ALL,
            parents: Parents::default(),
            keep: Keep::NOTHING,
            budget: None,
        }
    }

    /// A plan for production: one new trace in ten, at most about 100 per second; in addition up to 100 failed traces and
    /// up to 50 traces of one second or longer per second.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SamplingPlan;
    ///
    /// assert_eq!(
    ///     SamplingPlan::recommended().to_string(),
    ///     "* 10%; budget 100/s; keep errors 100/s; keep slower 1s 50/s"
    /// );
    /// ```
    pub fn recommended() -> Self {
        Self::new()
            .others(0.1)
            .budget(100)
            .keep_errors_per_second(100)
            .keep_slower_per_second(Duration::from_secs(1), 50)
    }

    /// Sets the probability of new traces that no rule matches. Values outside 0 to 1 count as the nearer of the two.
    #[must_use]
    pub fn others(mut self, probability: f64) -> Self {
        self.others = Probability::nearest(probability);
        self
    }

    /// Adds a rule. The first rule that matches a trace applies.
    #[must_use]
    pub fn rule(mut self, rule: SamplingRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Samples up to about `traces_per_second` traces per second (at least 1).
    ///
    /// With more traces the probabilities are lowered, second by second, so that the budget is used and every rule gets
    /// an equal part of it, or all of its traces if these are fewer. A sudden burst may cost about twice the budget for
    /// one second. Traces sampled by other processes are a group of their own. Rules with `always` do not count. Failed
    /// and slow traces that are kept do not count, but a keep rule without a rate keeps at most as many per second as
    /// the budget.
    #[must_use]
    pub fn budget(mut self, traces_per_second: u32) -> Self {
        self.budget = Some(traces_per_second.max(1));
        self
    }

    /// Keeps every trace in which a span failed, even if the caller did not sample it. A [`budget`](Self::budget) limits
    /// them.
    #[must_use]
    pub fn keep_errors(mut self) -> Self {
        self.keep.errors = Some(KeepRate::All);
        self
    }

    /// Keeps the first `traces` failed traces in each second (at least 1). The others are counted and reported.
    #[must_use]
    pub fn keep_errors_per_second(mut self, traces: u32) -> Self {
        self.keep.errors = Some(KeepRate::PerSecond(traces.max(1)));
        self
    }

    /// Keeps every trace whose local root lasted at least `limit`. A [`budget`](Self::budget) limits them.
    #[must_use]
    pub fn keep_slower(mut self, limit: Duration) -> Self {
        let rate = KeepRate::All;
        self.keep.slower = Some(KeepSlower { limit, rate });
        self
    }

    /// Keeps the first `traces` slow traces in each second (at least 1). The others are counted and reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::SamplingPlan;
    ///
    /// let plan = SamplingPlan::new().keep_slower_per_second(Duration::from_millis(500), 50);
    /// assert_eq!(plan.to_string(), "* 100%; keep slower 500ms 50/s");
    /// ```
    #[must_use]
    pub fn keep_slower_per_second(mut self, limit: Duration, traces: u32) -> Self {
        let rate = KeepRate::PerSecond(traces.max(1));
        self.keep.slower = Some(KeepSlower { limit, rate });
        self
    }

    /// Records every trace, so that [`Span::keep`](crate::Span::keep) can keep unsampled ones. Implied by the other keep
    /// rules.
    #[must_use]
    pub fn keep_forced(mut self) -> Self {
        self.keep.forced = true;
        self
    }

    /// Restricts the keep rules for failed and slow traces to those that no other process left unsampled.
    #[must_use]
    pub fn local_roots_only(mut self) -> Self {
        self.keep.local_roots_only = true;
        self
    }

    /// Decides anew although a parent has decided, by randomness of this process: the caller's flag, ids and tracestate
    /// have no influence. That randomness is forwarded, so downstream services compute correct counts.
    #[must_use]
    pub fn ignore_parents(mut self) -> Self {
        self.parents.set_all(OnParent::Ignore);
        self
    }

    /// Decides anew although a parent has decided, by the randomness of the trace: a service with a lower probability
    /// samples a subset of the traces of one with a higher probability. The first service of a trace chooses its
    /// randomness, so this is for services without untrusted callers.
    #[must_use]
    pub fn resample_parents(mut self) -> Self {
        self.parents.set_all(OnParent::Resample);
        self
    }

    /// Samples traces whose parent decided so with this probability, from 0 to 1. Of traces that were sampled before it
    /// takes a consistent subset.
    #[must_use]
    pub fn parents(mut self, branch: ParentBranch, probability: f64) -> Self {
        self.parents.set(
            branch,
            OnParent::Probability(Probability::nearest(probability)),
        );
        self
    }
}

/// The plan [`SamplingPlan::new`].
impl Default for SamplingPlan {
    fn default() -> Self {
        Self::new()
    }
}

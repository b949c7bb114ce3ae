//! Who is sampled and who is kept, as an operator writes it.

use std::time::Duration;

use crate::sampling::keep::{Keep, KeepRate, KeepSlower};
use crate::sampling::parents::{OnParent, ParentBranch, Parents};
use crate::sampling::rule::SamplingRule;
use crate::sampling::share::Share;

/// Who is sampled at the start of a trace, and who is kept at its end.
///
/// At the start, a trace with a parent follows the parent's decision; a new one is sampled with the
/// probability of the first rule that fits it. At the end of the local root, a trace that was not
/// sampled is kept all the same if a keep rule applies. The clause that kept it is recorded on the local root, as
/// `hopline.sampling.rule`; where none did, `parent`, `sampler` or `downstream` (another service that keeps the trace).
///
/// Probabilities are OpenTelemetry's consistent ones: the share is told to those who receive the trace
/// (`ot=th:…` in its tracestate), and services with different shares sample nested sets; see [`Threshold`](crate::Threshold).
///
/// # As text
///
/// A plan is text, too, and prints as it is parsed: clauses separated by semicolons.
///
/// | clause | means |
/// |---|---|
/// | `GET /orders/{id} 10%` | of new traces that begin with this method and route or path, one in ten |
/// | `/health 0%` | the same for any method: no new trace, but failed and slow ones are kept where the plan keeps those |
/// | `/health never` | they are not recorded at all: not where a parent sampled them, not if they fail or are slow; also `drop` |
/// | `POST /checkout always` | all of them, also where a parent decided otherwise, and outside the budget |
/// | `kind consumer 50%` | by the local root's kind: `server`, `client`, `producer`, `consumer`, `internal` |
/// | `name nightly.* 1%` | by its name; a final `*` stands for any rest |
/// | `destination orders.* 20%` | by a message's destination |
/// | `kind server method PUT path /a 5%` | conditions together; `method` and `path` may be said as words |
/// | `any 1%` | a rule that fits every trace: those behind it do not count |
/// | `* 5%` | of all other new traces; 100 % if not said |
/// | `budget 200/s` | about as many sampled traces in a second; more are sampled with a smaller probability |
/// | `keep errors` | every trace in which a span failed |
/// | `keep errors 100/s` | the first hundred of them in a second; the others are counted ([`Stats::errors_let_go`](crate::Stats::errors_let_go)) |
/// | `keep slower 500ms` | every trace whose local root took this long (`s`, `ms`, `us`, `ns`) |
/// | `keep slower 500ms 50/s` | the first fifty of them in a second; the others are counted ([`Stats::slow_let_go`](crate::Stats::slow_let_go)) |
/// | `keep forced` | every trace that the application [asks for](crate::Span::keep); said by the two before, too |
/// | `local roots only` | the keep rules leave alone what another process did not sample |
/// | `ignore parents` | decide anew also where a parent has decided, by randomness of this process: nothing that a caller sends has a part in it |
/// | `resample parents` | decide anew by the trace's own randomness: services of different shares sample nested sets |
/// | `remote sampled parents 10%` | of what another process sampled, one in ten; also `unsampled`, and `local` for another tracer of this process; or `follow`, `ignore`, `resample` |
///
/// Shares are 0 % or from 0.0001 % to 100 %.
///
/// In a path `{name}` stands for one segment and a final `*` for all that follow. Words with spaces or
/// semicolons stand in double quotes: `name "process orders" 5%`.
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
/// # Ok::<(), hopline_core::ParsePlanError>(())
/// ```
///
/// # Trust
///
/// At an edge that strangers reach, use a layer that does not [continue](crate::Trust) their traces
/// (`TraceLayer::public()`): then nothing they send has a part in a decision. Where a layer continues a stranger's
/// trace:
///
/// * a plan that follows parents records what the stranger marks as sampled, and hides what the stranger marks as
///   unsampled;
/// * `resample parents` and shares of parents compare with the trace's randomness, which whoever begins a trace
///   chooses;
/// * `ignore parents` is safe: it draws randomness of its own, and passes that on (`rv`);
/// * a budget is safe: it counts what other processes sampled as a group of its own, and picks from it by randomness of
///   its own. What it picks then has no known probability.
///
/// # Slow traces
///
/// A server span lasts until the last byte of the answer is taken, so a client makes it slow at will: by a slow upload, by
/// reading the answer slowly, by keeping a stream open. Failures, too, are often the client's choice. Give `keep errors`
/// and `keep slower` a rate where strangers are served. In a plan with a budget, a keep rule without a rate keeps at most
/// as many traces in a second as the budget has, in addition to the budget.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingPlan {
    pub(crate) rules: Vec<SamplingRule>,
    pub(crate) others: Share,
    pub(crate) parents: Parents,
    pub(crate) keep: Keep,
    pub(crate) budget: Option<u32>,
}

impl SamplingPlan {
    /// Samples every new trace and follows every parent: what a tracer does if it is told nothing.
    pub fn always() -> Self {
        Self {
            rules: Vec::new(),
            others: Share::ALL,
            parents: Parents::default(),
            keep: Keep::NOTHING,
            budget: None,
        }
    }

    /// One new trace in ten but no more than about 100 in a second; in addition up to 100 in a second that failed, and
    /// up to 50 in a second that took a second or longer.
    pub fn recommended() -> Self {
        Self::always()
            .others(0.1)
            .budget(100)
            .keep_errors_per_second(100)
            .keep_slower_per_second(Duration::from_secs(1), 50)
    }

    /// The share of new traces that no rule fits; values outside 0 to 1 count as the nearer of the two.
    #[must_use]
    pub fn others(mut self, share: f64) -> Self {
        self.others = Share::nearest(share);
        self
    }

    /// Adds a rule; of several that fit a trace the first counts.
    #[must_use]
    pub fn rule(mut self, rule: SamplingRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Samples about as many traces in a second; at least one.
    ///
    /// Where more ask, the probability is lowered, second by second, so that the budget is used and every
    /// rule gets an equal part of it, or what it asks for if that is less. A sudden burst may cost about
    /// twice the budget for a second. What other processes sampled is a group of its own. Rules of `always` do not
    /// count. Failed and slow traces that are kept do not count either, but a keep rule without a rate of its own
    /// keeps at most as many in a second as the budget has.
    #[must_use]
    pub fn budget(mut self, traces_per_second: u32) -> Self {
        self.budget = Some(traces_per_second.max(1));
        self
    }

    /// Keeps every trace in which a span failed, also where the caller did not sample it. A
    /// [`budget`](Self::budget) bounds them.
    #[must_use]
    pub fn keep_errors(mut self) -> Self {
        self.keep.errors = Some(KeepRate::All);
        self
    }

    /// Keeps the first of them in each second; at least one. The others are counted and announced.
    #[must_use]
    pub fn keep_errors_per_second(mut self, traces: u32) -> Self {
        self.keep.errors = Some(KeepRate::PerSecond(traces.max(1)));
        self
    }

    /// Keeps every trace whose local root took this long. A [`budget`](Self::budget) bounds them.
    #[must_use]
    pub fn keep_slower(mut self, limit: Duration) -> Self {
        let rate = KeepRate::All;
        self.keep.slower = Some(KeepSlower { limit, rate });
        self
    }

    /// Keeps the first of them in each second; at least one. The others are counted and announced.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::SamplingPlan;
    ///
    /// let plan = SamplingPlan::always().keep_slower_per_second(Duration::from_millis(500), 50);
    /// assert_eq!(plan.to_string(), "* 100%; keep slower 500ms 50/s");
    /// ```
    #[must_use]
    pub fn keep_slower_per_second(mut self, limit: Duration, traces: u32) -> Self {
        let rate = KeepRate::PerSecond(traces.max(1));
        self.keep.slower = Some(KeepSlower { limit, rate });
        self
    }

    /// Records every trace, so that those the application [asks for](crate::Span::keep) can be kept. The
    /// other keep rules do so as well.
    #[must_use]
    pub fn keep_forced(mut self) -> Self {
        self.keep.forced = true;
        self
    }

    /// The rules for failed and slow traces leave alone what another process did not sample.
    #[must_use]
    pub fn local_roots_only(mut self) -> Self {
        self.keep.local_roots_only = true;
        self
    }

    /// Decides anew also where a parent has decided, by randomness of this process: neither the caller's flag, ids
    /// nor tracestate have a part in it. That randomness is passed on, so services that follow count right.
    #[must_use]
    pub fn ignore_parents(mut self) -> Self {
        self.parents.set_all(OnParent::Ignore);
        self
    }

    /// Decides anew also where a parent has decided, by the trace's own randomness: of services that do so, one with a
    /// lower share samples a part of what one with a higher share samples. The service that begins a trace chooses its
    /// randomness, so this is for services that no stranger calls.
    #[must_use]
    pub fn resample_parents(mut self) -> Self {
        self.parents.set_all(OnParent::Resample);
        self
    }

    /// Samples this share, from 0 to 1, where a parent decided so. Of what was sampled before, a share
    /// takes those that a lower one takes too.
    #[must_use]
    pub fn parents(mut self, branch: ParentBranch, share: f64) -> Self {
        self.parents
            .set(branch, OnParent::Share(Share::nearest(share)));
        self
    }
}

/// As [`SamplingPlan::always`].
impl Default for SamplingPlan {
    fn default() -> Self {
        Self::always()
    }
}

//! The plan in force: what is computed once for a plan, and the decisions by it.
//! `span::decision` asks it at the start of each local root.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::propagation::baggage::Baggage;
use crate::propagation::extras::Extras;
use crate::propagation::id::TraceId;
use crate::propagation::id_source::IdSource;
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::sampling::keep::Keep;
use crate::sampling::ot_member;
use crate::sampling::ot_member::OtMember;
use crate::sampling::parents::{OnParent, ParentBranch, Parents};
use crate::sampling::plan::SamplingPlan;
use crate::sampling::probability::Probability;
use crate::sampling::rate_budget::RateBudget;
use crate::sampling::rule::SamplingRule;
use crate::sampling::sampler::{Decision, SamplingInput};
use crate::sampling::threshold::{LEAST_PROBABILITY, Threshold};
use crate::time::tick::Ticker;

/// A plan in force: its rules with their thresholds, and the state of its budget.
#[derive(Debug)]
pub(crate) struct ActivePlan {
    /// The keep rules, limited by the budget.
    pub(crate) keep: Keep,
    /// The rules in order, each with its group.
    rules: Box<[(SamplingRule, Group)]>,
    /// The group of new traces that no rule matches.
    others: Group,
    /// The treatment of each kind of parent.
    parents: Parents,
    /// The group of each kind of parent.
    branches: [Group; 4],
    /// True if a rule decides regardless of parents.
    overrules: bool,
    /// True if a rule has a condition on names.
    pub(crate) by_name: bool,
    /// True if one probability decides on all new traces.
    pub(crate) plain: bool,
    /// The state of the budget, if the plan has one.
    rate_budget: Option<RateBudget>,
}

/// The traces of one probability: those of a rule, of a kind of parent, or the others.
#[derive(Debug)]
struct Group {
    probability: Probability,
    threshold: Option<Threshold>,
    /// The clause of the plan, which is recorded on sampled local roots.
    text: Box<str>,
    /// The extras of a new trace of this probability, shared by all of them.
    extras: Option<Arc<Extras>>,
    /// The group in the budget; `None` outside the budget.
    index: Option<usize>,
}

/// The decision on a local root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SamplingChoice<'a> {
    pub(crate) sampled: bool,
    /// The probability by which it was sampled, if that is known.
    pub(crate) threshold: Option<Threshold>,
    /// True if the randomness of the trace decided.
    pub(crate) by_chance: bool,
    /// True if the parent decided.
    pub(crate) follows: bool,
    /// The randomness that decided, if it is not that of the parent although there is one.
    pub(crate) randomness: Option<u64>,
    /// True if the trace must not be recorded, regardless of its outcome.
    pub(crate) never: bool,
    /// The text of the clause that decided.
    pub(crate) rule: &'a str,
    /// The prepared extras of a trace without parent and baggage, if they fit the decision.
    pub(crate) ready: Option<&'a Arc<Extras>>,
}

/// The parts of a tracer that a decision uses.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) ids: &'a IdSource,
    pub(crate) clock: &'a Ticker,
    /// The count of traces that the budget excluded.
    pub(crate) over_budget: &'a AtomicU64,
}

impl ActivePlan {
    pub(crate) fn new(plan: SamplingPlan) -> Self {
        let SamplingPlan {
            rules,
            others,
            parents,
            keep,
            budget,
        } = plan;
        let mut probabilities = Vec::new();
        let mut group = |probability: Probability, text: String, limited: bool| {
            let index = (limited && !probability.overrules()).then(|| {
                probabilities.push(probability.as_fraction());
                probabilities.len() - 1
            });
            Group::new(probability, text, index)
        };
        let branches = ParentBranch::EACH.map(|branch| match parents.on(branch) {
            OnParent::Probability(probability) => group(
                probability,
                format!("{} parents {probability}", branch.words()),
                true,
            ),
            // traces sampled by another tracer of this process count in the budget of that tracer
            OnParent::Follow | OnParent::Ignore | OnParent::Resample => {
                let limited =
                    branch == ParentBranch::RemoteSampled && parents.on(branch) == OnParent::Follow;
                group(Probability::ALL, "parent".to_owned(), limited)
            }
        });
        let others = group(others, format!("* {others}"), true);
        let rules: Box<[_]> = rules
            .into_iter()
            .map(|rule| {
                let group = group(rule.probability, rule.to_string(), true);
                (rule, group)
            })
            .collect();
        let overrules = |group: &Group| group.probability.overrules();
        Self {
            overrules: overrules(&others) || rules.iter().any(|(_, group)| overrules(group)),
            by_name: rules.iter().any(|(rule, _)| rule.name.is_some()),
            plain: rules.is_empty() && budget.is_none(),
            rate_budget: budget.map(|budget| RateBudget::new(budget, probabilities.into_iter())),
            keep: budget.map_or(keep, |budget| keep.within(budget)),
            others,
            parents,
            branches,
            rules,
        }
    }

    /// Fast path: the decision on a new trace by a plan of one probability (`plain`).
    #[inline]
    pub(crate) fn choose_plainly(&self, id: TraceId) -> SamplingChoice<'_> {
        let sampled = takes(self.others.threshold, id.randomness());
        SamplingChoice::by(&self.others, self.others.threshold, sampled, true)
    }

    /// The decision in the general case. `parent_ot` is the `ot` member of the parent's tracestate.
    #[inline(always)] // into its only caller: otherwise the input is written to memory and read again
    pub(crate) fn choose(
        &self,
        input: &SamplingInput<'_>,
        parent_ot: OtMember,
        means: Means<'_>,
    ) -> SamplingChoice<'_> {
        let Some(parent) = input.parent else {
            return self.chance(self.group(input), Draw::own(input.randomness), means);
        };
        if self.overrules {
            let group = self.group(input);
            if group.probability.overrules() {
                return self.chance(group, Draw::own(input.randomness), means);
            }
        }
        let branch = ParentBranch::from_parent(parent);
        let own = &self.branches[branch as usize];
        match self.parents.on(branch) {
            OnParent::Ignore => {
                let randomness = means.ids.randomness();
                let choice = self.chance(self.group(input), Draw::own(randomness), means);
                SamplingChoice {
                    randomness: Some(randomness),
                    ready: None,
                    ..choice
                }
            }
            OnParent::Resample => {
                self.chance(self.group(input), Draw::parents(input.randomness), means)
            }
            OnParent::Follow if self.rate_budget.is_none() || own.index.is_none() => {
                SamplingChoice::follow(parent, input, parent_ot, &own.text)
            }
            OnParent::Follow | OnParent::Probability(_) => {
                let known = Known::of(parent, input, parent_ot);
                let draw = Draw {
                    known,
                    ..Draw::parents(input.randomness)
                };
                self.chance(own, draw, means)
            }
        }
    }

    /// The group of the first rule that matches.
    fn group(&self, input: &SamplingInput<'_>) -> &Group {
        let rule = self.rules.iter().find(|(rule, _)| rule.fits(input));
        rule.map_or(&self.others, |(_, group)| group)
    }

    /// Decides by the probability of the group, at most that of an earlier decision, lowered by the budget.
    #[inline]
    fn chance<'a>(&'a self, group: &'a Group, draw: Draw, means: Means<'_>) -> SamplingChoice<'a> {
        let mut threshold = group.threshold.map(|own| own.max(draw.known.threshold));
        let asks = takes(threshold, draw.randomness);
        let (mut sampled, mut countable) = (asks, draw.known.countable);
        if let (Some(rate_budget), Some(index)) = (&self.rate_budget, group.index) {
            let factor = rate_budget.factor(index, means.clock.now());
            if factor < 1.0 && draw.is_own {
                threshold = threshold.and_then(|asked| {
                    Threshold::from_probability(
                        (asked.probability() * factor).max(LEAST_PROBABILITY),
                    )
                });
                sampled = takes(threshold, draw.randomness);
            } else if factor < 1.0 {
                // the service that chose the randomness of the trace would choose the sample, so this process draws its own
                // number, and there is no threshold to forward
                sampled = asks && unit(means.ids.randomness()) < factor;
                countable = false;
            }
            if sampled {
                rate_budget.count_sampled(index);
            } else if asks {
                means.over_budget.fetch_add(1, Relaxed);
            }
        }
        SamplingChoice::by(group, threshold, sampled, countable)
    }
}

fn takes(threshold: Option<Threshold>, randomness: u64) -> bool {
    threshold.is_some_and(|threshold| threshold.takes(randomness))
}

/// A number from 0 to 1 of 56 random bits.
fn unit(randomness: u64) -> f64 {
    randomness as f64 / (1_u64 << 56) as f64
}

impl Group {
    fn new(probability: Probability, text: String, index: Option<usize>) -> Self {
        let threshold = probability.threshold();
        let parent_ot = OtMember {
            threshold,
            ..OtMember::default()
        };
        let extras = Extras {
            tracestate: ot_member::write(&TraceState::EMPTY, parent_ot),
            baggage: Baggage::EMPTY,
        };
        Self {
            probability,
            threshold,
            text: text.into(),
            extras: extras.shared(),
            index,
        }
    }
}

/// The randomness with which a probability is compared.
#[derive(Clone, Copy)]
struct Draw {
    randomness: u64,
    /// True if this process drew it.
    is_own: bool,
    known: Known,
}

impl Draw {
    fn own(randomness: u64) -> Self {
        Self {
            randomness,
            is_own: true,
            known: Known::NOTHING,
        }
    }

    fn parents(randomness: u64) -> Self {
        Self {
            is_own: false,
            ..Self::own(randomness)
        }
    }
}

/// The probability of an earlier decision.
#[derive(Clone, Copy)]
struct Known {
    threshold: Threshold,
    /// False if the trace was sampled with an unknown probability.
    countable: bool,
}

impl Known {
    const NOTHING: Self = Self {
        threshold: Threshold::EVERY,
        countable: true,
    };

    fn of(parent: &SpanContext, input: &SamplingInput<'_>, parent_ot: OtMember) -> Self {
        match parent_ot.believed(input.randomness) {
            _ if !parent.is_sampled() => Self::NOTHING,
            Some(threshold) => Self {
                threshold,
                countable: true,
            },
            None => Self {
                threshold: Threshold::EVERY,
                countable: false,
            },
        }
    }
}

impl<'a> SamplingChoice<'a> {
    /// The decision by a probability. `countable` is false if something else had an influence.
    #[inline]
    fn by(group: &'a Group, threshold: Option<Threshold>, sampled: bool, countable: bool) -> Self {
        let countable_threshold = threshold.filter(|_| sampled && countable);
        Self {
            sampled,
            threshold: countable_threshold,
            by_chance: threshold != Some(Threshold::EVERY),
            follows: false,
            randomness: None,
            never: group.probability == Probability::Never,
            rule: &group.text,
            ready: group
                .extras
                .as_ref()
                .filter(|_| countable_threshold == group.threshold),
        }
    }

    /// The decision of a custom sampler.
    pub(crate) fn from_decision(
        decision: Decision,
        input: &SamplingInput<'_>,
        parent_ot: OtMember,
    ) -> Self {
        const RULE: &str = "sampler";
        let plain = |sampled| Self {
            sampled,
            threshold: None,
            by_chance: false,
            follows: false,
            randomness: None,
            never: false,
            rule: RULE,
            ready: None,
        };
        match decision {
            Decision::Drop => plain(false),
            Decision::Keep => plain(true),
            Decision::Probability(threshold) => {
                let sampled = threshold.takes(input.randomness);
                Self {
                    threshold: Some(threshold).filter(|_| sampled),
                    by_chance: threshold != Threshold::EVERY,
                    ..plain(sampled)
                }
            }
            Decision::Parent => match input.parent {
                Some(parent) => Self::follow(parent, input, parent_ot, RULE),
                None => plain(true),
            },
        }
    }

    /// The decision of the parent. A threshold that its flag contradicts is not forwarded.
    fn follow(
        parent: &SpanContext,
        input: &SamplingInput<'_>,
        parent_ot: OtMember,
        rule: &'a str,
    ) -> Self {
        let sampled = parent.is_sampled();
        Self {
            sampled,
            threshold: parent_ot.believed(input.randomness).filter(|_| sampled),
            by_chance: false,
            follows: true,
            randomness: None,
            never: false,
            rule,
            ready: None,
        }
    }
}

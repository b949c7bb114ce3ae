//! A plan at work.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::context::Extras;
use crate::propagation::otel::{self, Said};
use crate::sampling::allowance::Allowance;
use crate::sampling::keep::Keep;
use crate::sampling::parents::{OnParent, Parents};
use crate::sampling::share::Share;
use crate::stats::Counters;
use crate::tick::Ticker;
use crate::{
    Baggage, Decision, ParentBranch, SamplingInput, SamplingPlan, SamplingRule, SpanContext,
    Threshold, TraceId, TraceState,
};

/// What is worked out once for a plan, and what it counts while it is in force.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) keep: Keep,
    rules: Box<[(SamplingRule, Group)]>,
    others: Group,
    parents: Parents,
    branches: [Group; 4],
    /// True if a rule samples whatever a parent decided.
    always: bool,
    /// True if a rule looks at names.
    pub(crate) by_name: bool,
    /// True if nothing but one share decides on new traces.
    pub(crate) plain: bool,
    allowance: Option<Allowance>,
}

/// Traces that are sampled by one share.
#[derive(Debug)]
struct Group {
    share: Share,
    threshold: Option<Threshold>,
    /// As the plan has it; says on a sampled local root why it was.
    text: Box<str>,
    /// What a new trace of this share carries, made once for all of them.
    extras: Option<Arc<Extras>>,
    /// Of the allowance; none for those outside the budget.
    index: Option<usize>,
}

/// What was decided on a local root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) sampled: bool,
    /// The share it was sampled by, where that is known.
    pub(crate) threshold: Option<Threshold>,
    /// True if the trace's randomness decided.
    pub(crate) by_chance: bool,
    /// True if the parent did.
    pub(crate) follows: bool,
    /// The rule's text.
    pub(crate) rule: &'a str,
    /// What a trace without parent and baggage carries, if that is all there is to say.
    pub(crate) ready: Option<&'a Arc<Extras>>,
}

impl Active {
    pub(crate) fn new(plan: SamplingPlan) -> Self {
        let SamplingPlan {
            rules,
            others,
            parents,
            keep,
            budget,
        } = plan;
        let mut shares = Vec::new();
        let mut group = |share: Share, text: String, limited: bool| {
            let index = (limited && share != Share::Always).then(|| {
                shares.push(share.of_one());
                shares.len() - 1
            });
            Group::new(share, text, index)
        };
        let branches = ParentBranch::EACH.map(|branch| match parents.on(branch) {
            OnParent::Share(share) => {
                group(share, format!("{} parents {share}", branch.words()), true)
            }
            // what a tracer of this process sampled was counted there
            OnParent::Follow | OnParent::Ignore => {
                let limited = branch == ParentBranch::RemoteSampled && !parents.are_ignored();
                group(Share::ALL, "parent".to_owned(), limited)
            }
        });
        let others = group(others, format!("* {others}"), true);
        let rules: Box<[_]> = rules
            .into_iter()
            .map(|rule| {
                let group = group(rule.share, rule.to_string(), true);
                (rule, group)
            })
            .collect();
        let always = |group: &Group| group.share == Share::Always;
        Self {
            always: always(&others) || rules.iter().any(|(_, group)| always(group)),
            by_name: rules.iter().any(|(rule, _)| rule.name.is_some()),
            plain: rules.is_empty() && budget.is_none(),
            allowance: budget.map(|budget| Allowance::new(budget, shares.into_iter())),
            keep,
            others,
            parents,
            branches,
            rules,
        }
    }

    /// The decision on a new trace by a plan that is `plain`, as most are.
    #[inline]
    pub(crate) fn choose_plainly(&self, id: TraceId) -> Choice<'_> {
        Choice::by(&self.others, self.others.threshold, id.randomness(), true)
    }

    /// `said` is what the parent's tracestate says.
    #[inline(always)] // into the one place that asks, or what is asked is written to memory and read again
    pub(crate) fn choose(
        &self,
        input: &SamplingInput<'_>,
        said: Said,
        clock: &Ticker,
        counters: &Counters,
    ) -> Choice<'_> {
        let Some(parent) = input.parent else {
            return self.chance(self.group(input), input, Known::NOTHING, clock, counters);
        };
        if self.always {
            let group = self.group(input);
            if group.share == Share::Always {
                return self.chance(group, input, Known::NOTHING, clock, counters);
            }
        }
        let branch = ParentBranch::of(parent);
        let own = &self.branches[branch as usize];
        match self.parents.on(branch) {
            OnParent::Ignore => {
                self.chance(self.group(input), input, Known::NOTHING, clock, counters)
            }
            OnParent::Follow if self.allowance.is_none() || own.index.is_none() => {
                Choice::follow(parent, input, said, &own.text)
            }
            OnParent::Follow | OnParent::Share(_) => {
                self.chance(own, input, Known::of(parent, input, said), clock, counters)
            }
        }
    }

    fn group(&self, input: &SamplingInput<'_>) -> &Group {
        let rule = self.rules.iter().find(|(rule, _)| rule.fits(input));
        rule.map_or(&self.others, |(_, group)| group)
    }

    /// By a probability: the group's, no higher than what is known, lowered by the budget.
    #[inline]
    fn chance<'a>(
        &'a self,
        group: &'a Group,
        input: &SamplingInput<'_>,
        known: Known,
        clock: &Ticker,
        counters: &Counters,
    ) -> Choice<'a> {
        let asked = group.threshold.map(|own| own.max(known.threshold));
        let mut threshold = asked;
        if let (Some(allowance), Some(index)) = (&self.allowance, group.index) {
            let part = allowance.part(index, clock.now());
            if part < 1.0 {
                threshold = asked.and_then(|asked| Threshold::of_share(asked.share() * part));
            }
            if taken(threshold, input.randomness) {
                allowance.took(index);
            } else if taken(asked, input.randomness) {
                counters.over_budget.fetch_add(1, Relaxed);
            }
        }
        Choice::by(group, threshold, input.randomness, known.countable)
    }
}

fn taken(threshold: Option<Threshold>, randomness: u64) -> bool {
    threshold.is_some_and(|threshold| threshold.takes(randomness))
}

impl Group {
    fn new(share: Share, text: String, index: Option<usize>) -> Self {
        let threshold = share.threshold();
        let said = Said {
            threshold,
            ..Said::default()
        };
        let extras = Extras {
            tracestate: otel::write(&TraceState::EMPTY, said),
            baggage: Baggage::EMPTY,
        };
        Self {
            share,
            threshold,
            text: text.into(),
            extras: extras.shared(),
            index,
        }
    }
}

/// What a decision above says of a trace's probability.
#[derive(Clone, Copy)]
struct Known {
    threshold: Threshold,
    /// False where the trace was sampled by nobody knows what share.
    countable: bool,
}

impl Known {
    const NOTHING: Self = Self {
        threshold: Threshold::EVERY,
        countable: true,
    };

    fn of(parent: &SpanContext, input: &SamplingInput<'_>, said: Said) -> Self {
        let threshold = said.threshold.filter(|said| said.takes(input.randomness));
        match threshold {
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

impl<'a> Choice<'a> {
    /// By a probability; `countable` is false where it is not all that decided.
    #[inline]
    fn by(
        group: &'a Group,
        threshold: Option<Threshold>,
        randomness: u64,
        countable: bool,
    ) -> Self {
        let sampled = taken(threshold, randomness);
        let told = threshold.filter(|_| sampled && countable);
        Self {
            sampled,
            threshold: told,
            by_chance: threshold != Some(Threshold::EVERY),
            follows: false,
            rule: &group.text,
            ready: group.extras.as_ref().filter(|_| told == group.threshold),
        }
    }

    /// Of a sampler of the application.
    pub(crate) fn of(decision: Decision, input: &SamplingInput<'_>, said: Said) -> Self {
        const RULE: &str = "sampler";
        let plain = |sampled| Self {
            sampled,
            threshold: None,
            by_chance: false,
            follows: false,
            rule: RULE,
            ready: None,
        };
        match decision {
            Decision::Drop => plain(false),
            Decision::Keep => plain(true),
            Decision::Share(threshold) => {
                let sampled = threshold.takes(input.randomness);
                Self {
                    threshold: Some(threshold).filter(|_| sampled),
                    by_chance: threshold != Threshold::EVERY,
                    ..plain(sampled)
                }
            }
            Decision::Parent => match input.parent {
                Some(parent) => Self::follow(parent, input, said, RULE),
                None => plain(true),
            },
        }
    }

    /// As the parent says; a share that its flag contradicts is not passed on.
    fn follow(parent: &SpanContext, input: &SamplingInput<'_>, said: Said, rule: &'a str) -> Self {
        let sampled = parent.is_sampled();
        Self {
            sampled,
            threshold: said
                .threshold
                .filter(|said| sampled && said.takes(input.randomness)),
            by_chance: false,
            follows: true,
            rule,
            ready: None,
        }
    }
}

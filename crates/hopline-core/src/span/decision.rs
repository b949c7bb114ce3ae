//! Head sampling: the decision at the start of a local trace, and the trace flags and tracestate that result.
//! Called by `builder` for each local root.

use std::sync::{Arc, Once};

use crate::engine::shared::Shared;
use crate::notice::line::notify;
use crate::propagation::extras::Extras;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::TraceId;
use crate::propagation::id_source::randomness_of;
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::sampling::active_plan::{ActivePlan, SamplingChoice};
use crate::sampling::ot_member::{self, OtMember};
use crate::sampling::sampler::{Decision, SamplingInput};
use crate::span::baggage_source::BaggageSource;
use crate::span::facts::SpanFacts;

/// The decision for a local root, made before it starts.
pub(crate) struct RootDecision<'p> {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) choice: SamplingChoice<'p>,
    /// The `ot` member of the parent's tracestate, and that of this trace.
    parent_ot: OtMember,
    own_ot: OtMember,
}

impl<'p> RootDecision<'p> {
    #[inline]
    pub(crate) fn new(
        span: &SpanFacts<'_>,
        shared: &Shared,
        plan: &'p ActivePlan,
        parent: Option<&SpanContext>,
    ) -> Self {
        let plain = plan.plain && shared.sampler.is_none() && shared.ids.is_random();
        if plain && parent.is_none() {
            let trace_id = shared.ids.trace_id();
            return Self::plain(trace_id, plan.choose_plainly(trace_id));
        }
        Self::general(span, shared, plan, parent)
    }

    /// Fast path: a new trace under a plan of one probability.
    #[inline]
    fn plain(trace_id: TraceId, choice: SamplingChoice<'p>) -> Self {
        let own_ot = OtMember {
            threshold: choice.threshold,
            ..OtMember::default()
        };
        Self {
            trace_id,
            flags: TraceFlags::RANDOM.with_sampled(choice.sampled),
            choice,
            parent_ot: OtMember::default(),
            own_ot,
        }
    }

    /// The general case: a parent, a custom sampler, rules, a budget, or ids that are not random.
    fn general(
        span: &SpanFacts<'_>,
        shared: &Shared,
        plan: &'p ActivePlan,
        parent: Option<&SpanContext>,
    ) -> Self {
        let Origin {
            trace_id,
            is_random,
            parent_ot,
        } = Origin::new(shared, parent);
        // only the service that starts a trace may set its randomness, and only if its id is not random
        let own = (!is_random && parent.is_none()).then(|| randomness_of(trace_id));
        let joined = joined_name(span, shared, plan);
        let input = SamplingInput {
            parent,
            randomness: own
                .or(parent_ot.randomness)
                .unwrap_or(trace_id.randomness()),
            kind: span.kind,
            name: joined.as_deref().unwrap_or(span.name.as_str()),
            method: span.method,
            path: span.path,
            route: span.route,
            destination: span.destination,
            trace_id,
        };
        let choice = match custom_decision(shared, &input) {
            Some(decision) => SamplingChoice::from_decision(decision, &input, parent_ot),
            None => plan.choose(&input, parent_ot, shared.means()),
        };
        let known = choice.randomness.or(own).or(parent_ot.randomness);
        if choice.by_chance && !is_random && known.is_none() {
            warn_of_presumption();
        }
        let flags = if is_random {
            TraceFlags::RANDOM
        } else {
            TraceFlags::NONE
        };
        Self {
            trace_id,
            flags: flags.with_sampled(choice.sampled),
            own_ot: own_member(&choice, parent_ot, own),
            choice,
            parent_ot,
        }
    }

    /// The tracestate of this trace, and the extras of its context: the baggage, and the tracestate unless the trace is
    /// `recorded`, since its buffer has the tracestate then.
    #[inline]
    pub(crate) fn carry(
        &self,
        parent: Option<&SpanContext>,
        baggage: BaggageSource,
        recorded: bool,
    ) -> (TraceState, Option<Arc<Extras>>) {
        let state = parent.map_or(&TraceState::EMPTY, SpanContext::tracestate);
        if self.own_ot == self.parent_ot {
            if state.is_empty() && baggage.is_empty() {
                return (TraceState::EMPTY, None);
            }
            return (
                state.clone(),
                baggage.with_tracestate(state, false, recorded),
            );
        }
        if let (None, Some(ready), None, true) = (
            parent,
            self.choice.ready,
            self.own_ot.randomness,
            baggage.is_empty(),
        ) {
            return if recorded {
                (ready.tracestate.clone(), None)
            } else {
                (TraceState::EMPTY, Some(Arc::clone(ready)))
            };
        }
        let state = ot_member::write(state, self.own_ot);
        let extras = baggage.with_tracestate(&state, true, recorded);
        (state, extras)
    }
}

/// The trace of a local root: the parent's, or a new one.
struct Origin {
    trace_id: TraceId,
    /// True if the id is random, by the W3C flag.
    is_random: bool,
    parent_ot: OtMember,
}

impl Origin {
    #[inline]
    fn new(shared: &Shared, parent: Option<&SpanContext>) -> Self {
        match parent {
            Some(parent) => Self {
                trace_id: parent.trace_id(),
                is_random: parent.flags().is_random(),
                parent_ot: ot_member::read(parent.tracestate()),
            },
            None => Self {
                trace_id: shared.ids.trace_id(),
                is_random: shared.ids.is_random(),
                parent_ot: OtMember::default(),
            },
        }
    }
}

/// The name with its prefix, if a sampler or a rule on names reads it.
#[inline]
fn joined_name(span: &SpanFacts<'_>, shared: &Shared, plan: &ActivePlan) -> Option<String> {
    let is_read = shared.sampler.is_some() || plan.by_name;
    let prefix = span.prefix.filter(|_| is_read)?;
    Some(format!("{prefix} {}", span.name.as_str()))
}

/// The decision of the application's sampler, if there is one and it does not panic.
#[inline]
fn custom_decision(shared: &Shared, input: &SamplingInput<'_>) -> Option<Decision> {
    let sampler = shared.sampler.as_deref()?;
    let effect = || "the sampler panicked; the plan decides instead".to_owned();
    shared.guarded("sampler", effect, || sampler.sample(input))
}

/// The `ot` member that this trace sends. `own` is the randomness of an id that is not random.
#[inline]
fn own_member(choice: &SamplingChoice<'_>, parent_ot: OtMember, own: Option<u64>) -> OtMember {
    OtMember {
        threshold: choice.threshold,
        // the parent's, unless the parent is ignored
        randomness: (choice.randomness)
            .or(parent_ot.randomness)
            .or(own.filter(|_| choice.by_chance)),
        // a new decision removes members that were not understood: another service could read them as a probability
        unread: parent_ot.unread && choice.follows,
    }
}

/// Reports it once per process: many tracing libraries do not set the flag although their ids are random.
#[cold]
fn warn_of_presumption() {
    static GIVEN: Once = Once::new();
    GIVEN.call_once(|| {
        notify("randomness", || {
            "a trace without the W3C random flag was sampled by probability; its id is assumed to be random, so rates \
             may be off if it is not"
                .to_owned()
        });
    });
}

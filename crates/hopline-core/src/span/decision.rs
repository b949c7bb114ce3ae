//! Head sampling: the decision at the start of a local trace, and the trace flags and tracestate that result.
//! Called by `builder` for each local root.

use std::sync::{Arc, Once};

use crate::engine::shared::Shared;
use crate::notice::line::notify;
use crate::propagation::baggage::Baggage;
use crate::propagation::extras::Extras;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::TraceId;
use crate::propagation::id_source::randomness_of;
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::sampling::active::{Active, Choice};
use crate::sampling::ot_member;
use crate::sampling::ot_member::Said;
use crate::sampling::sampler::SamplingInput;
use crate::span::facts::SpanFacts;

/// The decision for a local root, made before it starts.
pub(crate) struct Head<'p> {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) choice: Choice<'p>,
    /// The `ot` member of the parent's tracestate, and that of this trace.
    came: Said,
    goes: Said,
}

impl<'p> Head<'p> {
    #[inline]
    pub(crate) fn new(
        span: &SpanFacts<'_>,
        shared: &Shared,
        plan: &'p Active,
        parent: Option<&SpanContext>,
    ) -> Self {
        let plain = plan.plain && shared.sampler.is_none() && shared.ids.is_random();
        if plain && parent.is_none() {
            let trace_id = shared.ids.trace_id();
            return Self::plain(trace_id, plan.choose_plainly(trace_id));
        }
        Self::of(span, shared, plan, parent)
    }

    /// Fast path: a new trace under a plan of one probability.
    #[inline]
    fn plain(trace_id: TraceId, choice: Choice<'p>) -> Self {
        let goes = Said {
            threshold: choice.threshold,
            ..Said::default()
        };
        Self {
            trace_id,
            flags: TraceFlags::RANDOM.with_sampled(choice.sampled),
            choice,
            came: Said::default(),
            goes,
        }
    }

    /// The general case: a parent, a custom sampler, rules, a budget, or ids that are not random.
    fn of(
        span: &SpanFacts<'_>,
        shared: &Shared,
        plan: &'p Active,
        parent: Option<&SpanContext>,
    ) -> Self {
        let (trace_id, random, came) = match parent {
            Some(parent) => (
                parent.trace_id(),
                parent.flags().is_random(),
                ot_member::read(parent.tracestate()),
            ),
            None => (
                shared.ids.trace_id(),
                shared.ids.is_random(),
                Said::default(),
            ),
        };
        // only the service that starts a trace may set its randomness, and only if its id is not random
        let own = (!random && parent.is_none()).then(|| randomness_of(trace_id));
        let asked = shared.sampler.is_some() || plan.by_name;
        // the joined name is read only by a sampler or by rules on names
        let joined = span.prefix.filter(|_| asked).map(|prefix| {
            let name = span.name.as_str();
            format!("{prefix} {name}")
        });
        let input = SamplingInput {
            parent,
            randomness: own.or(came.randomness).unwrap_or(trace_id.randomness()),
            kind: span.kind,
            name: joined.as_deref().unwrap_or(span.name.as_str()),
            method: span.method,
            path: span.path,
            route: span.route,
            destination: span.destination,
            trace_id,
        };
        let decision = shared.sampler.as_deref().and_then(|sampler| {
            let effect = || "the sampler panicked; the plan decides instead".to_owned();
            shared.guarded("sampler", effect, || sampler.sample(&input))
        });
        let choice = match decision {
            Some(decision) => Choice::of(decision, &input, came),
            None => plan.choose(&input, came, shared.means()),
        };
        let known = choice.randomness.or(own).or(came.randomness);
        if choice.by_chance && !random && known.is_none() {
            warn_of_presumption();
        }
        let random = if random {
            TraceFlags::RANDOM
        } else {
            TraceFlags::NONE
        };
        let goes = Said {
            threshold: choice.threshold,
            // the parent's, unless the parent is ignored
            randomness: (choice.randomness)
                .or(came.randomness)
                .or(own.filter(|_| choice.by_chance)),
            // a new decision removes members that were not understood: another service could read them as a probability
            unread: came.unread && choice.follows,
        };
        Self {
            trace_id,
            flags: random.with_sampled(choice.sampled),
            choice,
            came,
            goes,
        }
    }

    /// The tracestate of this trace, and the extras of its context: the baggage, and the tracestate unless the trace is
    /// `recorded`, since its buffer has the tracestate then.
    #[inline]
    pub(crate) fn carry(
        &self,
        parent: Option<&SpanContext>,
        carried: Carried,
        recorded: bool,
    ) -> (TraceState, Option<Arc<Extras>>) {
        let state = parent.map_or(&TraceState::EMPTY, SpanContext::tracestate);
        if self.goes == self.came {
            if state.is_empty() && carried.is_empty() {
                return (TraceState::EMPTY, None);
            }
            return (
                state.clone(),
                carried.with_tracestate(state, false, recorded),
            );
        }
        if let (None, Some(ready), None, true) = (
            parent,
            self.choice.ready,
            self.goes.randomness,
            carried.is_empty(),
        ) {
            return if recorded {
                (ready.tracestate.clone(), None)
            } else {
                (TraceState::EMPTY, Some(Arc::clone(ready)))
            };
        }
        let state = ot_member::write(state, self.goes);
        let extras = carried.with_tracestate(&state, true, recorded);
        (state, extras)
    }
}

/// The source of the baggage of a new context: a new value, or the extras of the parent context.
pub(crate) enum Carried {
    New(Baggage),
    Shared(Option<Arc<Extras>>),
}

impl From<Baggage> for Carried {
    fn from(baggage: Baggage) -> Self {
        Self::New(baggage)
    }
}

impl Carried {
    fn has_baggage(&self) -> bool {
        match self {
            Self::New(baggage) => !baggage.is_empty(),
            Self::Shared(extras) => extras
                .as_ref()
                .is_some_and(|extras| !extras.baggage.is_empty()),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::New(baggage) => baggage.is_empty(),
            Self::Shared(extras) => extras.is_none(),
        }
    }

    /// The extras with this tracestate. Extras of a context are reused if their tracestate has not `changed`.
    fn with_tracestate(
        self,
        tracestate: &TraceState,
        changed: bool,
        recorded: bool,
    ) -> Option<Arc<Extras>> {
        if recorded && !self.has_baggage() {
            return None;
        }
        let baggage = match self {
            Self::Shared(extras) if !changed => return extras,
            Self::Shared(extras) => extras
                .map(|extras| extras.baggage.clone())
                .unwrap_or_default(),
            Self::New(baggage) => baggage,
        };
        let tracestate = tracestate.clone();
        Extras {
            tracestate,
            baggage,
        }
        .shared()
    }
}

/// Reports it once per process: many tracing libraries do not set the flag although their ids are random.
#[cold]
fn warn_of_presumption() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        notify("randomness", || {
            "a trace without the W3C random flag was sampled by probability; its id is assumed to be random, so rates \
             may be off if it is not"
                .to_owned()
        });
    });
}

//! The baggage of a context that is being made. Used by `builder` and `decision`.

use std::sync::Arc;

use crate::propagation::baggage::Baggage;
use crate::propagation::extras::Extras;
use crate::propagation::trace_state::TraceState;

/// The source of the baggage of a new context: a new value, or the extras of the parent context.
pub(crate) enum BaggageSource {
    New(Baggage),
    Shared(Option<Arc<Extras>>),
}

impl From<Baggage> for BaggageSource {
    fn from(baggage: Baggage) -> Self {
        Self::New(baggage)
    }
}

impl BaggageSource {
    fn has_baggage(&self) -> bool {
        match self {
            Self::New(baggage) => !baggage.is_empty(),
            Self::Shared(extras) => extras
                .as_ref()
                .is_some_and(|extras| !extras.baggage.is_empty()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::New(baggage) => baggage.is_empty(),
            Self::Shared(extras) => extras.is_none(),
        }
    }

    /// The extras with this tracestate. Extras of a context are reused if their tracestate has not `changed`.
    pub(crate) fn with_tracestate(
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

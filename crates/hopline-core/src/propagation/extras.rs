//! The parts of a context that most contexts lack: tracestate and baggage.
//! A member of every `Context`; `span::decision` creates them.

use std::sync::Arc;

use crate::propagation::baggage::Baggage;
use crate::propagation::trace_state::TraceState;

/// Rarely present, so behind one pointer: cloning a context without them touches no count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) tracestate: TraceState,
    pub(crate) baggage: Baggage,
}

impl Extras {
    /// Moves them behind a pointer; `None` if both are empty.
    pub(crate) fn shared(self) -> Option<Arc<Self>> {
        (!self.tracestate.is_empty() || !self.baggage.is_empty()).then(|| Arc::new(self))
    }
}

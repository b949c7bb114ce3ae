//! Propagation: W3C Trace Context and Baggage, read from and written to headers or message properties.
//!
//! For integrations. [`Incoming::extract`] reads a context, [`Context::inject`](crate::Context::inject) writes one.
//! The layer below all others: every folder may import it, and it imports only `time` and `notice`.

pub(crate) mod baggage;
pub(crate) mod carrier;
pub(crate) mod extras;
pub(crate) mod flags;
pub(crate) mod headers;
pub(crate) mod id;
pub(crate) mod id_source;
pub(crate) mod propagators;
pub(crate) mod span_context;
pub(crate) mod trace_state;
pub(crate) mod trust;

pub use baggage::{Baggage, BaggageError};
pub use carrier::{Extract, Incoming, Inject};
pub use flags::TraceFlags;
pub use headers::{BAGGAGE, TRACEPARENT, TRACESTATE};
pub use id::{ParseIdError, SpanId, TraceId};
pub use id_source::{IdGenerator, reseed_after_fork};
pub use propagators::Propagators;
pub use span_context::{ParseTraceParentError, SpanContext};
pub use trace_state::{ParseTraceStateError, TraceState};
pub use trust::Trust;

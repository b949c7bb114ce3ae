//! Propagation: W3C Trace Context and Baggage, read from and written to headers or message properties.
//!
//! For integrations. [`Incoming::extract`] reads a context, [`Context::inject`](crate::Context::inject) writes one.
//!
//! ```
//! use std::collections::HashMap;
//! use hopline_core::{Context, Incoming};
//!
//! let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
//! let received = HashMap::from([("traceparent".to_owned(), traceparent)]);
//! let mut forwarded = HashMap::new();
//! Context::remote(Incoming::extract(&received)).inject(&mut forwarded);
//! assert_eq!(forwarded, received);
//! ```
//!
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

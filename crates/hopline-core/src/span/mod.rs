//! The public handles: tracer, span, context, and the builder that starts spans.
//!
//! The top layer: only `metrics` and the root of the crate import it. `builder` collects the
//! `facts` of a span, `start` starts it, by the `decision` if it is a root.

pub(crate) mod baggage_source;
pub(crate) mod builder;
pub(crate) mod context;
pub(crate) mod current;
pub(crate) mod decision;
pub(crate) mod facts;
pub(crate) mod future;
pub(crate) mod handle;
pub(crate) mod isolated;
mod start;
pub(crate) mod tracer;

pub use builder::{SpanBuilder, span};
pub use context::Context;
pub use future::{FutureExt, InContext, InSpan};
pub use handle::Span;
pub use isolated::{guarded, set_notice_hook};
pub use tracer::{InstallError, Tracer, TracerBuilder};

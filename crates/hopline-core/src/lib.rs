//! The trace context that every hopline crate shares.
//!
//! A service adopts hopline through the `hopline` crate; this one is for those who write an
//! integration, a sink or a library that starts spans. It depends on no runtime, no HTTP crate and no
//! exporter.
//!
//! ```
//! use hopline_core::{Incoming, Literal, SpanBuilder, SpanKind, Tracer, attr, span};
//! # use std::collections::HashMap;
//! # let (headers, mut outgoing) = (HashMap::<String, String>::new(), HashMap::<String, String>::new());
//!
//! let tracer = Tracer::builder().service("orders").build();
//!
//! // at the edge: a local root, child of what the caller sent
//! let mut request = SpanBuilder::new("GET /orders/{id}")
//!     .kind(SpanKind::Server)
//!     .tracer(&tracer)
//!     .parent(Incoming::extract(&headers))
//!     .attributes(|| [attr("http.request.method", Literal("GET"))])
//!     .start();
//!
//! request.in_scope(|| {
//!     // inside: children of what is current, no tracer in sight
//!     let lookup = span("cache.lookup");
//!     lookup.set("cache.hit", false);
//!     lookup.end();
//!
//!     // going out: the next service's parent
//!     let call = SpanBuilder::new("GET").kind(SpanKind::Client).start();
//!     call.context_ref().inject(&mut outgoing);
//! });
//! assert!(outgoing["traceparent"].starts_with("00-"));
//! ```
//!
//! ```text
//! GET /orders/{id}  server
//! ├─ cache.lookup
//! └─ GET  client
//! ```
//!
//! # The words
//!
//! | word | is |
//! |---|---|
//! | [`Context`] | what is current: a span, recorded or not, and the baggage |
//! | [`Span`] | a unit of work; an ordinary `Send` value that ends when it is dropped |
//! | local trace | all spans of one trace in this process, from a local root's start to its end, in one buffer |
//! | [`Tracer`] | where traces begin: sampling, limits, clock, sinks |
//! | [`SamplingPlan`] | who is sampled at the start, who is kept at the end |
//! | [`InstrumentationScope`] | the library that records a span |
//! | [`Sink`] | receives finished spans in [`Batch`]es |
//! | [`redact`] | tests for secrets, and URLs and header lines without them |
//!
//! # What it promises
//!
//! * A context is current only while a future is polled or a closure runs. It cannot leak into
//!   another task, also not through a panic.
//! * Nothing of the application runs under a lock, and attribute closures run only where a trace is recorded.
//! * At the local root's end the whole local trace is kept or discarded: sampled, failed, slow or
//!   [asked for](Span::keep). One kept though not sampled says why in `hopline.kept` on its root.
//! * Everything is [bounded](Limits); what is lost is counted in [`Stats`] and said in a [`Notice`].
//! * Times are monotonic within a local trace.
//!
//! # What it records by itself
//!
//! | attribute | on | when |
//! |---|---|---|
//! | `error.type` | any span | it failed |
//! | `hopline.kept` = `error`, `slow`, `forced`, `downstream` | local root | kept although not sampled |
//! | `hopline.sampling.rule` | local root | the clause of the [`SamplingPlan`] that kept it; where none did, `parent`, `sampler` or `downstream` |
//! | `hopline.dropped_spans` | local root | spans of its trace were lost to a limit |
//! | allowed baggage members, 1 KiB of each | every span | [`TracerBuilder::baggage_attributes`] names them |
//!
//! # What it will not do
//!
//! It has no guards that could be held across an `.await`, sets no status "ok", and reads no
//! environment variable but through functions that say so.

mod attr_set;
/// Attributes: keys and values on their way into a span.
pub mod attribute {
    pub use crate::attr_set::AttrSet;
    pub use crate::span_builder::{Attributes, NoAttributes};
    pub use crate::value::{Attr, Literal, Name, Value, attr};
}
mod attributes;
mod baggage;
mod batch;
mod buffer;
mod carrier;
mod clock;
mod context;
mod copies;
mod courier;
mod current;
mod data;
/// For bridges from other tracing libraries; not for applications.
#[doc(hidden)]
pub mod bridge {
    pub use crate::context::{records_error_messages, set_kind};
    pub use crate::current::{IdsText, current_ids, current_ids_text, enter, exit, exit_all};
}
#[doc = include_str!("docs/engine.md")]
pub mod engine {}
mod error;
pub mod export;
mod flags;
mod future;
mod guest;
mod head;
mod id;
mod id_source;
mod kind;
mod limits;
pub mod metrics;
mod names;
mod notice;
pub mod propagation;
mod queue;
mod record;
pub mod redact;
mod resource;
pub mod sampling;
mod scope;
pub mod semconv;
mod shared;
mod sink;
mod span;
mod span_builder;
mod span_context;
mod state;
mod stats;
mod stored;
mod sync;
pub mod text;
mod tick;
mod trace;
mod tracer;
mod trust;
mod tsc;
mod value;
pub mod variables;
mod wide;

pub use attr_set::AttrSet;
pub use baggage::{Baggage, BaggageError};
pub use batch::{Batch, EventView, LinkView, SpanView};
pub use carrier::{Extract, Incoming, Inject};
pub use clock::{Clock, ManualClock};
pub use context::Context;
pub use data::{EventData, LinkData, OwnedValue, ScopeData, SpanData, StatusData};
pub use flags::TraceFlags;
pub use future::{FutureExt, InContext, InSpan};
#[doc(hidden)]
pub use guest::{contained, guarded};
pub use id::{ParseIdError, SpanId, TraceId};
pub use id_source::{IdGenerator, reseed_after_fork};
pub use kind::SpanKind;
pub use limits::Limits;
pub use names::{OlderNames, SpanNames};
pub use notice::{Notice, notify, set_notice_hook};
pub use propagation::{BAGGAGE, Propagators, TRACEPARENT, TRACESTATE};
pub use resource::Resource;
pub use sampling::{
    Decision, ParentBranch, ParsePlanError, Sampler, SamplingInput, SamplingPlan, SamplingRule,
    Threshold,
};
pub use scope::InstrumentationScope;
pub use sink::{Batching, FlushError, Sink, Source};
pub use span::{Span, span};
pub use span_builder::SpanBuilder;
pub use span_context::{ParseTraceParentError, SpanContext};
pub use state::{ParseTraceStateError, TraceState};
pub use stats::Stats;
pub use stored::ArrayRef;
pub use tracer::{AlreadyInstalled, Tracer, TracerBuilder};
pub use trust::Trust;
pub use value::{Attr, Literal, Name, Value, ValueRef, attr, no_attrs};

#[doc(hidden)]
pub use id_source::IdGenerator as Ids;
#[doc(hidden)]
pub use kind::SpanKind as Kind;
#[doc(hidden)]
pub use scope::InstrumentationScope as Scope;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

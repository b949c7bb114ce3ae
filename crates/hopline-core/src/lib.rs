//! Trace context, span engine, sampling and sinks, shared by all hopline crates.
//!
//! A service uses the `hopline` crate; this one is for authors of integrations, of sinks, and of libraries that start
//! spans. It depends on no runtime, no HTTP crate and no exporter.
//!
//! ```
//! use hopline_core::{Incoming, Literal, SpanBuilder, SpanKind, Tracer, attr, span};
//! # use std::collections::HashMap;
//! # let (headers, mut outgoing) = (HashMap::<String, String>::new(), HashMap::<String, String>::new());
//!
//! let tracer = Tracer::builder().service("orders").build();
//!
//! // at the edge: a local root, child of the caller's span
//! let mut request = SpanBuilder::new("GET /orders/{id}")
//!     .kind(SpanKind::Server)
//!     .tracer(&tracer)
//!     .parent(Incoming::extract(&headers))
//!     .attributes(|| [attr("http.request.method", Literal("GET"))])
//!     .start();
//!
//! request.in_scope(|| {
//!     // inside: children of the current span, without a tracer
//!     let lookup = span("cache.lookup");
//!     lookup.set("cache.hit", false);
//!     lookup.end();
//!
//!     // an outgoing call: the parent of the next service's root
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
//! # Terms
//!
//! | term | meaning |
//! |---|---|
//! | [`Context`] | the current span, recorded or not, and the baggage |
//! | [`Span`] | a unit of work; an ordinary `Send` value that ends when it is dropped |
//! | local trace | all spans of one trace in this process, from a local root's start to its end, in one buffer |
//! | [`Tracer`] | sampling, limits, clock, ids and sinks of a service |
//! | [`SamplingPlan`] | what is sampled at the start, and what is kept at the end |
//! | [`InstrumentationScope`] | the library that records a span |
//! | [`Sink`] | receives finished spans in [`Batch`]es |
//! | [`redact`] | recognition of secrets, and removal from URLs and header lines |
//!
//! # Guarantees
//!
//! * A context is current only while a future is polled or a closure runs. It cannot leak into another task, not even
//!   through a panic.
//! * No code of the application runs under a lock, and closures for attributes run only if a trace is recorded.
//! * At the end of the local root the whole local trace is kept or discarded. It is kept if it was sampled, failed, was
//!   slow, or [`keep`](Span::keep) was called. The root of an unsampled trace that is kept has the reason in
//!   `hopline.kept`.
//! * Memory is [bounded](Limits); losses are counted in [`Stats`] and reported by a [`Notice`].
//! * Times are monotonic within a local trace.
//!
//! # Attributes that it adds
//!
//! | attribute | on | when |
//! |---|---|---|
//! | `error.type` | any span | the span failed or was cancelled |
//! | `hopline.kept` = `error`, `slow`, `forced`, `downstream` | local root | kept although not sampled |
//! | `hopline.sampling.rule` | local root | the clause of the [`SamplingPlan`] that kept it; without one, `parent`, `sampler` or `downstream` |
//! | `hopline.dropped_spans` | local root | limits dropped spans of its trace |
//! | allowed baggage members, 1 KiB of each | every span | [`TracerBuilder::baggage_attributes`] names them |
//!
//! # Non-goals
//!
//! It has no guards that could be held across an `.await`, and sets no status "ok". It reads environment variables only
//! in functions whose documentation names them.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod attribute;
mod conventions;
pub mod engine;
mod error;
pub mod export;
mod kind;
mod limits;
mod meter;
pub mod metrics;
mod notice;
pub mod propagation;
mod record;
pub mod redact;
pub mod sampling;
mod scope;
pub mod semconv;
mod span;
mod sync;
pub mod text;
pub mod time;
pub mod variables;

/// Futures in which a span or a context is current while they are polled.
pub mod future {
    pub use crate::span::{FutureExt, InContext, InSpan};
}

/// For bridges from other tracing libraries; not for applications.
#[doc(hidden)]
pub mod bridge {
    pub use crate::attribute::field_set::FieldSet;
    pub use crate::redact::token::begins_token;
    pub use crate::span::context::{InheritedDecision, records_error_messages, set_kind};
    pub use crate::span::current::{IdsText, current_ids, enter, exit, exit_all, inherited_here};
    pub use crate::span::tracer::tracer_records_error_messages;
}

pub use attribute::{Attr, AttrSet, Literal, Name, Resource, Value, attr};
pub use engine::stats::Stats;
pub use export::{Batch, Sink};
pub use kind::SpanKind;
pub use limits::Limits;
#[doc(hidden)]
pub use notice::contained;
pub use notice::{Notice, notify};
pub use propagation::{
    Baggage, Extract, IdGenerator, Incoming, Inject, SpanContext, SpanId, TraceFlags, TraceId,
    Trust,
};
pub use sampling::SamplingPlan;
pub use scope::InstrumentationScope;
#[doc(hidden)]
pub use span::guarded;
pub use span::{
    Context, FutureExt, InstallError, Span, SpanBuilder, Tracer, TracerBuilder, set_notice_hook,
    span,
};
pub use time::Clock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

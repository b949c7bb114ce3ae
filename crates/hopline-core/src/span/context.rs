//! The context: a span, recorded or not, and the baggage that is sent with it.
//! `current` makes one current; `propagation` defines what is sent.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::attribute::closure;
use crate::attribute::value::{Attr, Name, Value, attr};
use crate::engine::buffer::{SpanStart, StartError, TraceBuffer};
use crate::engine::trace_ref::TraceRef;
use crate::kind::SpanKind;
use crate::meter::receiver::Exemplar;
use crate::notice::contained::contained;
use crate::propagation::baggage::Baggage;
use crate::propagation::carrier::{Incoming, Inject};
use crate::propagation::extras::Extras;
use crate::propagation::flags::TraceFlags;
use crate::propagation::headers::{BAGGAGE, TRACEPARENT, TRACESTATE};
use crate::propagation::id::{SpanId, TraceId};
use crate::propagation::propagators::Propagators;
use crate::propagation::span_context::{SpanContext, TraceParentText};
use crate::propagation::trace_state::TraceState;
use crate::sampling::kept::Kept;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanIds {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

/// The context of a task: its current span, recorded or not, and its baggage.
///
/// An ordinary value, cheap to clone, that may be kept and used anywhere. It is current only while a future is polled
/// ([`FutureExt`](crate::FutureExt)) or a closure runs ([`Context::scope`]), so it cannot leak into another task.
///
/// Its methods act on its span without the span's handle: a handler adds an attribute to the span of its request this
/// way. They do nothing if the span is not recorded; after the span's end, the loss is counted in
/// [`Stats`](crate::Stats).
///
/// # Examples
///
/// ```
/// use hopline_core::{Context, Incoming, SpanBuilder, Tracer};
///
/// let tracer = Tracer::builder().build();
/// let mut request = SpanBuilder::new("GET /").tracer(&tracer).parent(Incoming::default()).start();
/// request.in_scope(|| {
///     let context = Context::current();
///     context.set("enduser.tier", "gold");
///     // work on another thread is part of the request too
///     std::thread::spawn(move || context.scope(|| hopline_core::span("resize").end())).join().unwrap();
/// });
/// assert!(!Context::current().is_recording());
/// ```
#[derive(Clone)]
pub struct Context {
    /// The local trace, if spans of this trace are recorded in this process.
    pub(crate) trace: TraceRef,
    /// The index of the span in the trace; of its nearest recorded ancestor if a limit dropped it.
    pub(crate) span: u32,
    /// The tracer that decided on this trace.
    pub(crate) tracer: u32,
    pub(crate) flags: TraceFlags,
    /// True if the ids are those of another process: no span has started here yet.
    pub(crate) remote: bool,
    /// The spans that it suppresses without a decision of a tracer.
    pub(crate) mute: Mute,
    pub(crate) ids: Option<SpanIds>,
    /// Tracestate and baggage. `None` in a recorded trace without baggage, whose buffer has the tracestate.
    pub(crate) extras: Option<Arc<Extras>>,
}

/// The spans that a context suppresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mute {
    Nothing,
    /// Children of it.
    Children,
    /// All spans that start while it is current, local roots included.
    All,
}

static NO_BAGGAGE: Baggage = Baggage::EMPTY;

impl Context {
    /// No span, no baggage.
    pub const EMPTY: Self = Self {
        trace: TraceRef::NONE,
        span: 0,
        tracer: 0,
        flags: TraceFlags::NONE,
        remote: false,
        mute: Mute::Nothing,
        ids: None,
        extras: None,
    };

    /// A context in which nothing is recorded: neither spans nor local roots, of any tracer.
    ///
    /// For work that telemetry itself causes, such as that of an exporter or of a bridge from another tracing library,
    /// which would otherwise trace itself without end. Like every context it is current while a closure runs or a future
    /// is polled, and tasks can inherit it. Calls made in it send a trace that is not sampled.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Context, Incoming, SpanBuilder, Tracer};
    ///
    /// let tracer = Tracer::builder().build();
    /// let start = || SpanBuilder::new("export").tracer(&tracer).parent(Incoming::default()).start();
    /// assert!(start().is_recording());
    /// assert!(!Context::muted().scope(start).is_recording());
    /// ```
    pub fn muted() -> Self {
        let mut context = Self::EMPTY;
        context.mute = Mute::All;
        context
    }

    /// True if it is [muted](Context::muted).
    pub fn is_muted(&self) -> bool {
        self.mute == Mute::All
    }

    /// The context that another process sent, to be forwarded unchanged. Starts no span.
    pub fn remote(incoming: Incoming) -> Self {
        let Incoming {
            parent, baggage, ..
        } = incoming;
        let mut context = Self::EMPTY;
        let mut extras = Extras {
            tracestate: TraceState::EMPTY,
            baggage,
        };
        if let Some(parent) = parent {
            context.ids = Some(SpanIds {
                trace_id: parent.trace_id(),
                span_id: parent.span_id(),
            });
            context.flags = parent.flags();
            context.remote = true;
            extras.tracestate = parent.tracestate().clone();
        }
        context.extras = extras.shared();
        context
    }

    /// True if work done in it is recorded.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.trace.is_some()
    }

    /// The identity of its span that is sent to other services; `None` without a span.
    pub fn span_context(&self) -> Option<SpanContext> {
        let ids = self.ids?;
        let context = SpanContext::new(ids.trace_id, ids.span_id, self.flags);
        let context = context.with_tracestate(self.tracestate());
        Some(if self.remote {
            context.into_remote()
        } else {
            context
        })
    }

    /// The baggage: key-value pairs of the application that calls send along.
    pub fn baggage(&self) -> &Baggage {
        self.extras
            .as_deref()
            .map_or(&NO_BAGGAGE, |extras| &extras.baggage)
    }

    /// Returns the context with other baggage. Spans and calls under it send that baggage.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use hopline_core::{Baggage, Context};
    ///
    /// let baggage = Baggage::EMPTY.with("tenant_id", "acme")?;
    /// let mut headers = HashMap::new();
    /// Context::current().with_baggage(baggage).inject(&mut headers);
    /// assert_eq!(headers["baggage"], "tenant_id=acme");
    /// # Ok::<(), hopline_core::propagation::BaggageError>(())
    /// ```
    #[must_use]
    pub fn with_baggage(mut self, baggage: Baggage) -> Self {
        self.extras = Extras {
            tracestate: self.tracestate(),
            baggage,
        }
        .shared();
        self
    }

    /// Writes `traceparent`, `tracestate` and `baggage`.
    ///
    /// Replaces such headers in the carrier, and removes those that would be empty.
    pub fn inject(&self, carrier: &mut (impl Inject + ?Sized)) {
        self.inject_trace(carrier);
        if !Propagators::chosen().baggage {
            return;
        }
        if self.baggage().is_empty() {
            carrier.remove(BAGGAGE);
        } else {
            carrier.set(BAGGAGE, &self.baggage().to_string());
        }
    }

    /// Writes `traceparent` and `tracestate`, for receivers that must not see the baggage.
    ///
    /// Replaces the headers of another trace in the carrier; an empty `tracestate` is removed. A context without a span
    /// changes nothing. Headers that the process's [`Propagators`] exclude are left as they are.
    pub fn inject_trace(&self, carrier: &mut (impl Inject + ?Sized)) {
        let Some(ids) = self.ids.filter(|_| Propagators::chosen().trace_context) else {
            return;
        };
        let text = TraceParentText::new(ids.trace_id, ids.span_id, self.flags);
        carrier.set(TRACEPARENT, text.as_str());
        let tracestate = self.tracestate();
        if tracestate.is_empty() {
            carrier.remove(TRACESTATE);
        } else {
            carrier.set(TRACESTATE, tracestate.as_str());
        }
    }

    /// Sets an attribute of its span.
    #[inline]
    pub fn set<'v>(&self, key: impl Into<Name<'v>>, value: impl Into<Value<'v>>) {
        if self.is_recording() {
            self.set_all(|| [attr(key, value)]);
        }
    }

    /// Sets several attributes; `attrs` runs only if the span is recorded.
    #[inline]
    pub fn set_all<'v, A: AsRef<[Attr<'v>]>>(&self, attrs: impl FnOnce() -> A) {
        if self.is_recording() {
            // before the lock, because it is code of the caller
            match closure::evaluate(attrs) {
                Some(attrs) => self.state(|state| state.set(self.span, attrs.as_ref())),
                None => self.count_panic(),
            };
        }
    }

    /// Records an event at the current time; `attrs` runs only if the span is recorded.
    pub fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) {
        if self.is_recording() {
            let (name, attrs) = (name.into(), closure::evaluate(attrs));
            if attrs.is_none() {
                self.count_panic();
            }
            let attrs = attrs.as_ref().map_or(&[][..], A::as_ref);
            self.state(|state| state.event(self.span, name, attrs));
        }
    }

    /// Links the span to another one.
    pub fn link(&self, to: &SpanContext) {
        self.state(|state| state.link(self.span, to));
    }

    /// Renames the span.
    pub fn rename<'v>(&self, name: impl Into<Name<'v>>) {
        let name = name.into();
        self.state(|state| state.rename(self.span, name));
    }

    /// Marks the span as failed: status error, and `error.type` with a reason of low cardinality.
    ///
    /// The first failure of a span stays, because it is nearest to the cause.
    pub fn fail<'v>(&self, error_type: impl Into<Name<'v>>) {
        self.fail_with(error_type, "");
    }

    /// Marks the span as failed with a message. The message is exported unchanged: it must contain nothing secret.
    pub fn fail_with<'v>(&self, error_type: impl Into<Name<'v>>, message: &str) {
        let error_type = error_type.into();
        self.state(|state| state.fail(self.span, error_type, message));
    }

    /// Marks the span as failed by this error: `error.type` is the name of its type, `_OTHER` for a `dyn Error`.
    ///
    /// Error messages often contain values of a request, so the message is recorded only by tracers built with
    /// [`error_messages`](crate::TracerBuilder::error_messages).
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        if !self.is_recording() {
            return;
        }
        let wanted = records_error_messages(self);
        let name = std::any::type_name::<E>();
        let error_type = if name.contains("dyn ") {
            "_OTHER"
        } else {
            name
        };
        // outside the lock: `Display` is the application's code
        let message = if wanted {
            let effect =
                || format!("Display of an error of type {name} panicked: its message is missing");
            let shown = contained("error-message", effect, || {
                Self::muted().scope(|| error.to_string())
            });
            if shown.is_none() {
                self.count_panic();
            }
            shown.unwrap_or_default()
        } else {
            String::new()
        };
        self.fail_with(error_type, &message);
    }

    /// The time since the start of its span; `None` if the span is not recorded, or has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Context, Incoming, SpanBuilder, Tracer};
    ///
    /// let tracer = Tracer::builder().build();
    /// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
    /// assert!(job.context_ref().elapsed().is_some());
    /// assert!(Context::EMPTY.elapsed().is_none());
    /// ```
    #[inline]
    pub fn elapsed(&self) -> Option<Duration> {
        self.state(|state| state.elapsed(self.span))?
    }

    /// Marks the span as cancelled; see [`Span::cancel`](crate::Span::cancel).
    pub fn cancel(&self) {
        self.state(|state| state.cancel(self.span));
    }

    /// Keeps the whole local trace, regardless of its outcome and of the sampling decision.
    pub fn keep(&self) {
        self.state(|state| state.force(Kept::Forced));
    }

    /// Keeps the whole local trace because a downstream service announced that it keeps its part.
    pub fn keep_downstream(&self) {
        self.state(|state| state.force(Kept::Downstream));
    }

    /// True if the local trace is certain to be kept, because one of its spans has failed or [`keep`](Self::keep) was
    /// called.
    ///
    /// The answer is final, so it may be announced to callers. False once the plan's `keep errors N/s` of this second is
    /// used up.
    pub fn promise_keep(&self) -> bool {
        self.state(TraceBuffer::promise).unwrap_or(false)
    }

    /// The state of a new span under it, for the tracer of this number or for the tracer of this context.
    ///
    /// The number is a function, since it is not looked up where nothing is recorded.
    #[inline]
    pub(crate) fn inherited_decision(
        &self,
        tracer: impl FnOnce() -> Option<u32>,
    ) -> InheritedDecision {
        if self.is_recording() {
            return if tracer().is_none_or(|tracer| tracer == self.tracer) {
                InheritedDecision::Recording
            } else {
                InheritedDecision::Free
            };
        }
        if self.mute != Mute::Nothing {
            InheritedDecision::Muted
        } else if self.ids.is_some() && !self.remote {
            InheritedDecision::Decided
        } else {
            InheritedDecision::Free
        }
    }

    /// Its span as an exemplar, if its trace is certain to be kept.
    pub(crate) fn exemplar(&self) -> Option<Exemplar> {
        let certain = self
            .state(TraceBuffer::is_kept_for_certain)
            .unwrap_or(false);
        let SpanIds { trace_id, span_id } = self.ids.filter(|_| certain)?;
        Some(Exemplar { trace_id, span_id })
    }

    /// The number of the tracer that decided on its trace; zero without a decision.
    #[inline]
    pub(crate) fn tracer_number(&self) -> u32 {
        self.tracer
    }

    /// Starts a span in its local trace.
    #[inline(always)] // see `AttrTable::add`
    pub(crate) fn open(
        &self,
        span_start: &SpanStart<'_>,
        attrs: &[Attr<'_>],
    ) -> Result<(u32, SpanId), StartError> {
        match self.trace.lock() {
            Some(mut state) => state.open(span_start, self.extras.as_deref(), attrs),
            None => Err(StartError::Discarded),
        }
    }

    /// Counts a panic of the application's code on its tracer.
    #[cold]
    pub(crate) fn count_panic(&self) -> Option<()> {
        self.state(|state| {
            let shared = state.shared.as_deref()?;
            shared.counters.panics.fetch_add(1, Relaxed);
            Some(())
        })?
    }

    fn tracestate(&self) -> TraceState {
        if let Some(extras) = &self.extras {
            return extras.tracestate.clone();
        }
        let recorded = self.state(|state| state.tracestate.clone());
        recorded.unwrap_or_default()
    }

    /// Runs code of this crate with the buffer of the local trace, if there is one, under its lock.
    #[inline]
    fn state<R>(&self, f: impl FnOnce(&mut TraceBuffer) -> R) -> Option<R> {
        self.trace.lock().map(|mut state| f(&mut state))
    }
}

/// The recording decision that a new span inherits from its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the bridge handles each, and is released with the core"
)]
pub enum InheritedDecision {
    /// A child in a local trace that is recorded.
    Recording,
    /// Not recorded, as decided for an ancestor.
    Decided,
    /// Not recorded; the incoming context is forwarded unchanged.
    Muted,
    /// Undecided: a new local trace starts.
    Free,
}

impl Default for Context {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut context = f.debug_struct("Context");
        context
            .field("span", &self.span_context())
            .field("recording", &self.is_recording());
        context.field("baggage", self.baggage()).finish()
    }
}

/// True if the tracer of the context records messages of errors. For bridges.
pub fn records_error_messages(context: &Context) -> bool {
    let asked = |state: &mut TraceBuffer| {
        let shared = state.shared.as_deref();
        shared.is_some_and(|shared| shared.error_messages)
    };
    context.state(asked).unwrap_or(false)
}

/// Changes the kind of the context's span. For bridges, which may learn it late.
pub fn set_kind(context: &Context, kind: SpanKind) {
    context.state(|state| state.set_kind(context.span, kind));
}

//! What is current: a span, recorded or not, and what travels with it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::attribute::closure;
use crate::attribute::value::{Attr, Name, Value, attr};
use crate::engine::buffer::{Opening, Refused, State};
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

/// What is current in a task: a span, recorded or not, and the baggage.
///
/// An ordinary value, cheap to clone, that may be kept and used anywhere. It is current only while a
/// future is polled ([`FutureExt`](crate::FutureExt)) or a closure runs ([`Context::scope`]), so it
/// cannot leak into another task.
///
/// Its methods act on its span, wherever the span's handle is: a handler adds an attribute to its
/// request's span this way. On a span that is not recorded they do nothing, on one that has ended the
/// loss is counted.
///
/// # Examples
///
/// ```
/// use hopline_core::{Context, Incoming, SpanBuilder, Tracer, no_attrs};
///
/// let tracer = Tracer::builder().build();
/// let mut request = SpanBuilder::new("GET /").tracer(&tracer).parent(Incoming::default()).start();
/// request.in_scope(|| {
///     let context = Context::current();
///     context.set("enduser.tier", "gold");
///     // work on another thread belongs to the request as well
///     std::thread::spawn(move || context.scope(|| hopline_core::span("resize").end())).join().unwrap();
/// });
/// assert!(!Context::current().is_recording());
/// ```
#[derive(Clone)]
pub struct Context {
    /// There if spans of this trace are recorded in this process.
    pub(crate) trace: TraceRef,
    /// Of the current span; of the nearest recorded one above it if it was lost to a limit.
    pub(crate) span: u32,
    /// The tracer that decided on this trace.
    pub(crate) tracer: u32,
    pub(crate) flags: TraceFlags,
    /// The ids are another process's: no span was started here yet.
    pub(crate) remote: bool,
    /// What is not to be recorded in it, though no tracer decided so.
    pub(crate) mute: Mute,
    pub(crate) ids: Option<SpanIds>,
    /// Where spans are recorded only if there is baggage: the local trace has the tracestate.
    pub(crate) extras: Option<Arc<Extras>>,
}

/// The spans that a context suppresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mute {
    Nothing,
    /// What is started under it.
    Children,
    /// Whatever is started while it is current, local roots too.
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

    /// A context in which nothing is recorded, whatever starts it: spans, and local roots of any tracer.
    ///
    /// For work that telemetry itself causes, such as that of an exporter or of a bridge from another tracing
    /// library: were it traced, it would feed itself. As every context it is current while a closure runs or a
    /// future is polled, and tasks take it along. Calls made in it carry a trace that is not sampled.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Context, Incoming, SpanBuilder, Tracer, no_attrs};
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

    /// What another process sent, to be passed on unchanged: no span is started.
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

    /// What travels of its span.
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

    /// The application's key-value pairs.
    pub fn baggage(&self) -> &Baggage {
        self.extras
            .as_deref()
            .map_or(&NO_BAGGAGE, |extras| &extras.baggage)
    }

    /// The same with other baggage, which spans and calls from here on carry.
    #[must_use]
    pub fn with_baggage(mut self, baggage: Baggage) -> Self {
        self.extras = Extras {
            tracestate: self.tracestate(),
            baggage,
        }
        .shared();
        self
    }

    /// Writes the W3C trace headers and the baggage.
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

    /// Writes the W3C trace headers, for a receiver that is not to see the baggage.
    ///
    /// Headers of another trace that stand in the carrier are replaced; an empty `tracestate` is not sent.
    /// A context without a span writes and removes nothing. What the process's [`Propagators`] leave out is
    /// not touched.
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

    /// Sets an attribute.
    #[inline]
    pub fn set<'v>(&self, key: impl Into<Name<'v>>, value: impl Into<Value<'v>>) {
        if self.is_recording() {
            self.set_all(|| [attr(key, value)]);
        }
    }

    /// Sets several attributes; `attrs` only runs if they are recorded.
    #[inline]
    pub fn set_all<'v, A: AsRef<[Attr<'v>]>>(&self, attrs: impl FnOnce() -> A) {
        if self.is_recording() {
            // before the lock: it is the caller's code
            match closure::evaluate(attrs) {
                Some(attrs) => self.state(|state| state.set(self.span, attrs.as_ref())),
                None => self.count_panic(),
            };
        }
    }

    /// Records that something happened now; `attrs` only runs if it is recorded.
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

    /// Relates the span to another one.
    pub fn link(&self, to: &SpanContext) {
        self.state(|state| state.link(self.span, to));
    }

    /// Gives the span another name.
    pub fn rename<'v>(&self, name: impl Into<Name<'v>>) {
        let name = name.into();
        self.state(|state| state.rename(self.span, name));
    }

    /// Marks the span as failed, by a reason of low cardinality (`error.type`).
    ///
    /// The first failure of a span stays, being nearest to the cause.
    pub fn fail<'v>(&self, error_type: impl Into<Name<'v>>) {
        self.fail_with(error_type, "");
    }

    /// The same with a message, which must hold nothing secret: it is exported as it is.
    pub fn fail_with<'v>(&self, error_type: impl Into<Name<'v>>, message: &str) {
        let error_type = error_type.into();
        self.state(|state| state.fail(self.span, error_type, message));
    }

    /// Marks the span as failed by this error: `error.type` is the name of its type, `_OTHER` for a `dyn Error`.
    ///
    /// Error messages often hold values of a request, so the message is only recorded by tracers built
    /// with [`error_messages`](crate::TracerBuilder::error_messages).
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

    /// How long its span has been going on; nothing if it is not recorded, or has ended.
    ///
    /// ```
    /// use hopline_core::{Context, Incoming, SpanBuilder, Tracer, no_attrs};
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

    /// Says that nobody waited for the span's end; see [`Span::cancel`](crate::Span::cancel).
    pub fn cancel(&self) {
        self.state(|state| state.cancel(self.span));
    }

    /// Keeps the whole local trace, whatever its outcome.
    pub fn keep(&self) {
        self.state(|state| state.force(Kept::Forced));
    }

    /// Keeps the whole local trace because a service behind this one said that it keeps its part.
    pub fn keep_downstream(&self) {
        self.state(|state| state.force(Kept::Downstream));
    }

    /// True if the local trace will be kept because one of its spans has failed already, or because it was asked
    /// for. What is said here holds: others may be told. False where a plan keeps no more errors in this second.
    pub fn promise_keep(&self) -> bool {
        self.state(State::promise).unwrap_or(false)
    }

    /// What a span under it is to the tracer of this number, or to the tracer of this context.
    #[inline]
    pub(crate) fn standing(&self, tracer: Option<u32>) -> Standing {
        let same = tracer.is_none_or(|tracer| tracer == self.tracer);
        if self.is_recording() {
            return if same {
                Standing::Recording
            } else {
                Standing::Free
            };
        }
        if self.mute != Mute::Nothing {
            Standing::Muted
        } else if self.ids.is_some() && !self.remote {
            Standing::Decided
        } else {
            Standing::Free
        }
    }

    /// Its span as an exemplar, if its trace is certain to be kept.
    pub(crate) fn exemplar(&self) -> Option<Exemplar> {
        let certain = self.state(State::is_kept_for_certain).unwrap_or(false);
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
        opening: &Opening<'_>,
        attrs: &[Attr<'_>],
    ) -> Result<(u32, SpanId), Refused> {
        match self.trace.lock() {
            Some(mut state) => state.open(opening, self.extras.as_deref(), attrs),
            None => Err(Refused::Discarded),
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

    /// Runs code of ours with the local trace, if there is one, under its lock.
    #[inline]
    fn state<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.trace.lock().map(|mut state| f(&mut state))
    }
}

/// What a span to be started under a context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A child in a local trace that is recorded.
    Recording,
    /// Not recorded, as was decided above it.
    Decided,
    /// Not recorded, and what came in goes out unchanged.
    Muted,
    /// Whatever is decided now.
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

/// True if the tracer of the context's trace records the messages of errors.
pub fn records_error_messages(context: &Context) -> bool {
    let asked = |state: &mut State| {
        let shared = state.shared.as_deref();
        shared.is_some_and(|shared| shared.error_messages)
    };
    context.state(asked).unwrap_or(false)
}

/// Changes the kind of the context's span, which bridges may learn late.
pub fn set_kind(context: &Context, kind: SpanKind) {
    context.state(|state| state.set_kind(context.span, kind));
}

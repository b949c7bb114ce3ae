//! What is current: a span, recorded or not, and what travels with it.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::carrier::Inject;
use crate::kind::Kept;
use crate::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE, traceparent};
use crate::trace::TraceRef;
use crate::value::{Attr, Name, Value};
use crate::{Baggage, Incoming, SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Rarely present, so behind one pointer: cloning a context without them touches no count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) tracestate: TraceState,
    pub(crate) baggage: Baggage,
}

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
/// let mut request = SpanBuilder::new("GET /").start_root(Some(&tracer), Incoming::default(), no_attrs);
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
    /// Present if spans of this trace are recorded in this process.
    pub(crate) trace: Option<TraceRef>,
    /// Of the current span; of the nearest recorded one above it if it was lost to a limit.
    pub(crate) span: u32,
    /// The tracer that decided on this trace.
    pub(crate) tracer: u32,
    pub(crate) flags: TraceFlags,
    /// The ids are another process's: no span was started here yet.
    pub(crate) remote: bool,
    pub(crate) ids: Option<SpanIds>,
    pub(crate) extras: Option<Arc<Extras>>,
}

thread_local! {
    static CURRENT: RefCell<Context> = const { RefCell::new(Context::EMPTY) };
}

static NO_BAGGAGE: Baggage = Baggage::EMPTY;

impl Context {
    /// No span, no baggage.
    pub const EMPTY: Self = Self {
        trace: None,
        span: 0,
        tracer: 0,
        flags: TraceFlags::NONE,
        remote: false,
        ids: None,
        extras: None,
    };

    /// What is current here; empty where nothing is, and while the thread is being torn down.
    #[inline]
    pub fn current() -> Self {
        CURRENT
            .try_with(|current| current.borrow().clone())
            .unwrap_or(Self::EMPTY)
    }

    /// What another process sent, to be passed on unchanged: no span is started.
    pub fn remote(incoming: Incoming) -> Self {
        let Incoming { parent, baggage } = incoming;
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

    /// Runs synchronous code with this context current, and puts back what was, even if it panics.
    #[inline]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        scope(&mut self.clone(), f)
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
        let context = context.with_tracestate(self.tracestate().clone());
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
            tracestate: self.tracestate().clone(),
            baggage,
        }
        .shared();
        self
    }

    /// Writes the W3C trace headers and the baggage.
    pub fn inject(&self, carrier: &mut (impl Inject + ?Sized)) {
        self.inject_trace(carrier);
        if self.baggage().is_empty() {
            carrier.remove(BAGGAGE);
        } else {
            carrier.set(BAGGAGE, &self.baggage().to_string());
        }
    }

    /// Writes the W3C trace headers, for a receiver that is not to see the baggage.
    ///
    /// Headers of another trace that stand in the carrier are replaced; an empty `tracestate` is not sent.
    /// A context without a span writes and removes nothing.
    pub fn inject_trace(&self, carrier: &mut (impl Inject + ?Sized)) {
        let Some(ids) = self.ids else { return };
        let text = traceparent::Text::new(ids.trace_id, ids.span_id, self.flags);
        carrier.set(TRACEPARENT, text.as_str());
        if self.tracestate().is_empty() {
            carrier.remove(TRACESTATE);
        } else {
            carrier.set(TRACESTATE, self.tracestate().as_str());
        }
    }

    /// Sets an attribute.
    #[inline]
    pub fn set<'v>(&self, key: impl Into<Name<'v>>, value: impl Into<Value<'v>>) {
        let Some(trace) = &self.trace else { return };
        let attr = Attr {
            key: key.into(),
            value: value.into(),
        };
        trace.lock().set(self.span, &[attr]);
    }

    /// Sets several attributes; `attrs` only runs if they are recorded.
    #[inline]
    pub fn set_all<'v, A: AsRef<[Attr<'v>]>>(&self, attrs: impl FnOnce() -> A) {
        let Some(trace) = &self.trace else { return };
        let attrs = attrs();
        let attrs = attrs.as_ref(); // before the lock: it, too, is the caller's code
        trace.lock().set(self.span, attrs);
    }

    /// Records that something happened now; `attrs` only runs if it is recorded.
    pub fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) {
        let Some(trace) = &self.trace else { return };
        let (name, attrs) = (name.into(), attrs());
        let attrs = attrs.as_ref();
        trace.lock().event(self.span, name, attrs);
    }

    /// Relates the span to another one.
    pub fn link(&self, to: &SpanContext) {
        let Some(trace) = &self.trace else { return };
        trace.lock().link(self.span, to);
    }

    /// Gives the span another name.
    pub fn rename<'v>(&self, name: impl Into<Name<'v>>) {
        let Some(trace) = &self.trace else { return };
        trace.lock().rename(self.span, name.into());
    }

    /// Marks the span as failed, by a reason of low cardinality (`error.type`).
    ///
    /// The first failure of a span stays, being nearest to the cause.
    pub fn fail<'v>(&self, error_type: impl Into<Name<'v>>) {
        self.fail_with(error_type, "");
    }

    /// The same with a message, which must hold nothing secret: it is exported as it is.
    pub fn fail_with<'v>(&self, error_type: impl Into<Name<'v>>, message: &str) {
        let Some(trace) = &self.trace else { return };
        trace.lock().fail(self.span, error_type.into(), message);
    }

    /// Marks the span as failed by this error: `error.type` is the name of its type, `_OTHER` for a `dyn Error`.
    ///
    /// Error messages often hold values of a request, so the message is only recorded by tracers built
    /// with [`error_messages`](crate::TracerBuilder::error_messages).
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        let Some(trace) = &self.trace else { return };
        let name = std::any::type_name::<E>();
        let error_type = if name.contains("dyn ") {
            "_OTHER"
        } else {
            name
        };
        let wanted = trace
            .lock()
            .shared
            .as_deref()
            .is_some_and(|shared| shared.error_messages);
        // outside the lock: `Display` is the application's code
        let message = if wanted {
            error.to_string()
        } else {
            String::new()
        };
        trace
            .lock()
            .fail(self.span, Name::from(error_type), &message);
    }

    /// Says that nobody waited for the span's end; see [`Span::cancel`](crate::Span::cancel).
    pub fn cancel(&self) {
        if let Some(trace) = &self.trace {
            trace.lock().cancel(self.span);
        }
    }

    /// Keeps the whole local trace, whatever its outcome.
    pub fn keep(&self) {
        if let Some(trace) = &self.trace {
            trace.lock().force(Kept::Forced);
        }
    }

    /// Keeps the whole local trace because a service behind this one said that it keeps its part.
    pub fn keep_downstream(&self) {
        if let Some(trace) = &self.trace {
            trace.lock().force(Kept::Downstream);
        }
    }

    /// True if the local trace will be kept because one of its spans has failed already, or because it was asked
    /// for. What is said here holds: others may be told. False where a plan keeps no more errors in this second.
    pub fn promise_keep(&self) -> bool {
        self.trace
            .as_ref()
            .is_some_and(|trace| trace.lock().promise())
    }

    pub(crate) fn tracestate(&self) -> &TraceState {
        self.extras
            .as_deref()
            .map_or(&TraceState::EMPTY, |extras| &extras.tracestate)
    }
}

impl Extras {
    /// Behind a pointer, unless there is nothing to hold.
    pub(crate) fn shared(self) -> Option<Arc<Self>> {
        (!self.tracestate.is_empty() || !self.baggage.is_empty()).then(|| Arc::new(self))
    }
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

#[inline]
fn swap(context: &mut Context) {
    // `borrow_mut` cannot fail: nothing runs while it is borrowed but this swap and a clone
    let _ = CURRENT.try_with(|current| mem::swap(&mut *current.borrow_mut(), context));
}

/// Swaps a context in for the length of a call, and back even if it panics.
#[inline]
pub(crate) fn scope<R>(context: &mut Context, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a mut Context);
    impl Drop for Back<'_> {
        #[inline]
        fn drop(&mut self) {
            swap(self.0);
        }
    }
    swap(context);
    let _back = Back(context);
    f()
}

//! The span handle, which ends its span when it is dropped.

use std::error::Error;
use std::time::{Duration, SystemTime};

use crate::attribute::closure;
use crate::attribute::value::{Attr, Name, Value};
use crate::propagation::carrier::Incoming;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id_source::IdSource;
use crate::propagation::span_context::SpanContext;
use crate::span::context::{Context, Mute, SpanIds};
use crate::span::current;

/// A span: one unit of work, with a start, an end, attributes, events, links and a status.
///
/// An ordinary value that may be moved to any thread; spans may end in any order. It ends when it is dropped. If it is
/// not recorded, its methods do nothing, closures for attributes do not run, and calls still propagate its ids.
///
/// Limits apply to names, values and counts ([`Limits`](crate::Limits)); what they drop is counted on the span.
///
/// # Examples
///
/// ```
/// use hopline_core::{SpanBuilder, SpanKind, attr};
///
/// let span = SpanBuilder::new("cache.lookup")
///     .kind(SpanKind::Client)
///     .attributes(|| [attr("cache.name", "sessions")])
///     .start();
/// let hit = std::thread::spawn(move || {
///     span.set("cache.hit", true);
///     true // the span ends here
/// });
/// assert!(hit.join().unwrap());
/// ```
#[must_use = "a span ends when it is dropped"]
#[derive(Debug)]
pub struct Span {
    /// The context this span is current in.
    pub(crate) context: Context,
    /// False if nothing is recorded, or if a limit dropped this span.
    pub(crate) recorded: bool,
}

impl Span {
    /// A span that is not recorded and propagates nothing.
    pub const fn none() -> Self {
        Self {
            context: Context::EMPTY,
            recorded: false,
        }
    }

    /// A span for a request that is excluded from recording. Spans that start under it are not recorded either.
    ///
    /// It forwards the incoming parent unchanged. Without one it propagates new ids that are not sampled, so that called
    /// services start no sampled traces for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use hopline_core::{Incoming, Span};
    ///
    /// let mut headers = HashMap::new();
    /// Span::unrecorded(Incoming::default()).context_ref().inject(&mut headers);
    /// assert!(headers["traceparent"].ends_with("-02"), "random ids, not sampled");
    /// ```
    pub fn unrecorded(incoming: Incoming) -> Self {
        let context = Context::remote(incoming);
        let mut span = Self {
            context,
            recorded: false,
        };
        if span.context.ids.is_some() {
            span.context.mute = Mute::Children;
            return span;
        }
        span.not_sampled()
    }

    /// The span of work in a muted context.
    #[cold]
    pub(crate) fn muted() -> Self {
        let span = Self {
            context: Context::muted(),
            recorded: false,
        };
        span.not_sampled()
    }

    /// Adds new ids that are not sampled: a call without ids would start a sampled trace at its receiver.
    fn not_sampled(mut self) -> Self {
        let ids = IdSource::Random;
        self.context.ids = Some(SpanIds {
            trace_id: ids.trace_id(),
            span_id: ids.span_id(),
        });
        self.context.flags = TraceFlags::RANDOM;
        self
    }

    /// True if it is recorded. Its trace may still be discarded at its end.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recorded
    }

    /// The context of this span: start children in it, on any thread, also after its end. A clone counts references.
    #[inline]
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The context of this span, borrowed.
    #[inline]
    pub fn context_ref(&self) -> &Context {
        &self.context
    }

    /// The identity that is sent to other services; `None` if there are no ids, as in [`Span::none`].
    pub fn span_context(&self) -> Option<SpanContext> {
        self.context.span_context()
    }

    /// Sets an attribute. Of a key that is set twice the last value counts. A span at its limit of attributes drops
    /// further ones, and counts them.
    #[inline]
    pub fn set<'v>(&self, key: impl Into<Name<'v>>, value: impl Into<Value<'v>>) {
        if self.recorded {
            self.context.set(key, value);
        }
    }

    /// Sets several attributes at once; `attrs` runs only if the span is recorded.
    #[inline]
    pub fn set_all<'v, A: AsRef<[Attr<'v>]>>(&self, attrs: impl FnOnce() -> A) {
        if self.recorded {
            self.context.set_all(attrs);
        }
    }

    /// Records an event at the current time; `attrs` runs only if the span is recorded.
    pub fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) {
        if self.recorded {
            self.context.event(name, attrs);
        }
    }

    /// Links it to a span of this or another trace, such as the cause of queued work.
    pub fn link(&self, to: &SpanContext) {
        if self.recorded {
            self.context.link(to);
        }
    }

    /// Renames it, for names that are known only later, such as a route.
    pub fn rename<'v>(&self, name: impl Into<Name<'v>>) {
        if self.recorded {
            self.context.rename(name);
        }
    }

    /// Marks it as failed: status error, and `error.type` with a reason of low cardinality.
    ///
    /// The first failure of a span stays, because it is nearest to the cause.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::span;
    ///
    /// fn charge() -> Result<(), &'static str> {
    ///     Err("card_declined")
    /// }
    /// let span = span("charge");
    /// let charged = charge().inspect_err(|reason| span.fail(*reason));
    /// assert!(charged.is_err());
    /// ```
    pub fn fail<'v>(&self, error_type: impl Into<Name<'v>>) {
        self.fail_with(error_type, "");
    }

    /// Marks it as failed with a message. The message is exported unchanged: it must contain nothing secret.
    pub fn fail_with<'v>(&self, error_type: impl Into<Name<'v>>, message: &str) {
        if self.recorded {
            self.context.fail_with(error_type, message);
        }
    }

    /// Marks it as failed by this error; see [`Context::record_error`].
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        if self.recorded {
            self.context.record_error(error);
        }
    }

    /// Marks the span as cancelled: sets `error.type` to `cancelled`, and leaves the status unset. No effect on a failed
    /// span.
    pub fn cancel(&self) {
        if self.recorded {
            self.context.cancel();
        }
    }

    /// Keeps the whole local trace, regardless of its outcome and of the sampling decision.
    pub fn keep(&self) {
        self.context.keep();
    }

    /// Runs synchronous code with this span current, and restores the previous context, also after a panic.
    // `&mut`, because its own context is swapped in instead of a clone
    #[inline]
    pub fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        current::scope(&mut self.context, f)
    }

    /// Ends it now.
    #[inline]
    pub fn end(self) {}

    /// Sets several attributes and ends it, under one lock; `attrs` runs only if the span is recorded.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{attr, span};
    ///
    /// let lookup = span("cache.lookup");
    /// let hit = true;
    /// lookup.end_with(|| [attr("cache.hit", hit)]);
    /// ```
    #[inline]
    pub fn end_with<'v, A: AsRef<[Attr<'v>]>>(mut self, attrs: impl FnOnce() -> A) {
        if self.recorded {
            let attrs = closure::evaluate(attrs);
            if attrs.is_none() {
                self.context.count_panic();
            }
            self.finish(None, attrs.as_ref().map_or(&[][..], A::as_ref));
        }
    }

    /// Ends it with this end time, or with its start time if that is later.
    pub fn end_at(mut self, time: SystemTime) {
        self.finish(Some(time), &[]);
    }

    /// Ends it, and returns its duration if it is recorded. Its context can still be read.
    pub(crate) fn close(&mut self) -> Option<Duration> {
        let recorded = std::mem::take(&mut self.recorded);
        recorded.then(|| self.context.trace.end_timed(self.context.span))?
    }

    #[inline]
    fn finish(&mut self, at: Option<SystemTime>, attrs: &[Attr<'_>]) {
        if std::mem::take(&mut self.recorded) {
            self.context.trace.end(self.context.span, at, attrs);
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        self.finish(None, &[]);
    }
}

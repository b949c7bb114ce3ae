//! A unit of work.

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

/// A unit of work: an ordinary value that may be moved, and ended on any thread in any order.
///
/// It ends when it is dropped. Where nothing is recorded it costs next to nothing, and attribute
/// closures do not run; its ids still travel.
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
    /// False where nothing is recorded, and where this one span was lost to a limit.
    pub(crate) recorded: bool,
}

impl Span {
    /// A span that records nothing, with nothing to propagate.
    pub const fn none() -> Self {
        Self {
            context: Context::EMPTY,
            recorded: false,
        }
    }

    /// A span that records nothing, for requests that are not to be recorded: what is started in it records nothing
    /// either.
    ///
    /// It passes the incoming parent on, unchanged. Without one it passes on ids of its own that are not sampled, so
    /// that the services it calls do not begin sampled traces for it.
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

    /// Of what is started where all is muted.
    #[cold]
    pub(crate) fn muted() -> Self {
        let span = Self {
            context: Context::muted(),
            recorded: false,
        };
        span.not_sampled()
    }

    /// With ids of its own that are not sampled: a call without any would begin a sampled trace at its receiver.
    fn not_sampled(mut self) -> Self {
        let ids = IdSource::Random;
        self.context.ids = Some(SpanIds {
            trace_id: ids.trace_id(),
            span_id: ids.span_id(),
        });
        self.context.flags = TraceFlags::RANDOM;
        self
    }

    /// True if it is recorded. It may still be discarded with its trace.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recorded
    }

    /// The context in which it is current, to start children in, on any thread, also after its end.
    #[inline]
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The same without a clone.
    #[inline]
    pub fn context_ref(&self) -> &Context {
        &self.context
    }

    /// What travels of it.
    pub fn span_context(&self) -> Option<SpanContext> {
        self.context.span_context()
    }

    /// Sets an attribute. The value set last counts, unless the span has reached its limit of attributes:
    /// then it takes no more.
    #[inline]
    pub fn set<'v>(&self, key: impl Into<Name<'v>>, value: impl Into<Value<'v>>) {
        if self.recorded {
            self.context.set(key, value);
        }
    }

    /// Sets several attributes at once; `attrs` only runs if they are recorded.
    #[inline]
    pub fn set_all<'v, A: AsRef<[Attr<'v>]>>(&self, attrs: impl FnOnce() -> A) {
        if self.recorded {
            self.context.set_all(attrs);
        }
    }

    /// Records that something happened now; `attrs` only runs if it is recorded.
    pub fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) {
        if self.recorded {
            self.context.event(name, attrs);
        }
    }

    /// Relates it to another span.
    pub fn link(&self, to: &SpanContext) {
        if self.recorded {
            self.context.link(to);
        }
    }

    /// Gives it another name, where only the end of the work shows which.
    pub fn rename<'v>(&self, name: impl Into<Name<'v>>) {
        if self.recorded {
            self.context.rename(name);
        }
    }

    /// Marks it as failed, by a reason of low cardinality (`error.type`).
    ///
    /// The first failure of a span stays, being nearest to the cause.
    pub fn fail<'v>(&self, error_type: impl Into<Name<'v>>) {
        self.fail_with(error_type, "");
    }

    /// The same with a message, which must hold nothing secret: it is exported as it is.
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

    /// Says that nobody waited for its end: `error.type` is `cancelled`, and the status stays unset. Nothing
    /// if it failed, which says more.
    pub fn cancel(&self) {
        if self.recorded {
            self.context.cancel();
        }
    }

    /// Keeps the whole local trace, whatever its outcome.
    pub fn keep(&self) {
        self.context.keep();
    }

    /// Runs synchronous code with this span current.
    // `&mut`: its own context is swapped in, not a clone
    #[inline]
    pub fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        current::scope(&mut self.context, f)
    }

    /// Ends it now.
    #[inline]
    pub fn end(self) {}

    /// Sets several attributes and ends it, in one go; `attrs` only runs if they are recorded.
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

    /// Ends it as of this time; its start if that is later.
    pub fn end_at(mut self, time: SystemTime) {
        self.finish(Some(time), &[]);
    }

    /// Ends it, and gives its duration if it is recorded. Its context can still be read.
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

//! How a span starts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use crate::buffer::{Beginning, Opening, Refused, Start};
use crate::context::{Context, Mute, SpanIds, Standing};
use crate::guest;
use crate::head::{Carried, Head};
use crate::id_source::random_span_id;
use crate::notice::notify;
use crate::record::Marks;
use crate::sampling::keep::Keep;
use crate::shared::Shared;
use crate::span::Span;
use crate::trace::TraceRef;
use crate::value::{Attr, Name};
use crate::{Incoming, Kind, ParentBranch, Scope, SpanContext, SpanId, Tracer};

/// What a span starts with; then one of three ways to start it.
///
/// What a sampler may look at is given here, before the closure for attributes runs; the closure only
/// runs where a trace is recorded, and never under a lock.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, Kind, Literal, SpanBuilder, Tracer, attr};
///
/// let tracer = Tracer::builder().service("orders").build();
/// let request = SpanBuilder::new("GET /orders/{id}")
///     .kind(Kind::Server)
///     .method("GET")
///     .path("/orders/7")
///     .route(Some("/orders/{id}"))
///     .start_root(Some(&tracer), Incoming::default(), || [attr("http.request.method", Literal("GET"))]);
/// assert!(request.is_recording());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it starts a span"]
pub struct SpanBuilder<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) kind: Kind,
    /// The scope's number.
    scope: u8,
    start: Start,
    links: &'a [SpanContext],
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) destination: Option<&'a str>,
}

impl<'a> SpanBuilder<'a> {
    /// Begins with the span's name.
    #[inline]
    pub fn new(name: impl Into<Name<'a>>) -> Self {
        Self {
            name: name.into(),
            prefix: None,
            kind: Kind::Internal,
            scope: 0,
            start: Start::Now,
            links: &[],
            method: None,
            path: None,
            route: None,
            destination: None,
        }
    }

    /// Begins the name with this and a space: they are put together where the name is recorded, if it is.
    ///
    /// ```
    /// use hopline_core::{Incoming, Name, SpanBuilder, Tracer, no_attrs};
    ///
    /// let (tracer, route) = (Tracer::builder().build(), String::from("/orders/{id}"));
    /// let builder = SpanBuilder::new(&route).prefix("GET"); // `GET /orders/{id}`
    /// let _request = builder.start_root(Some(&tracer), Incoming::default(), no_attrs);
    /// ```
    #[inline]
    pub fn prefix(mut self, prefix: &'static str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// Its role; [`Kind::Internal`] if not said.
    #[inline]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Who records it; `hopline` if not said.
    #[inline]
    pub fn scope(mut self, scope: &'static Scope) -> Self {
        self.scope = scope.number();
        self
    }

    /// When it began, if not now.
    #[inline]
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start = Start::At(time);
        self
    }

    /// The same as a time before now, on the trace's own clock: what was measured as a part of another span lies
    /// within that one, whatever the wall clock does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::{Incoming, SpanBuilder, Tracer, no_attrs};
    ///
    /// let tracer = Tracer::builder().build();
    /// let query = SpanBuilder::new("query").start_root(Some(&tracer), Incoming::default(), no_attrs);
    /// let waited = Duration::from_secs(60);
    /// let wait = SpanBuilder::new("acquire").start_ago(waited).start_in(query.context_ref(), None, no_attrs);
    /// assert!(wait.context_ref().elapsed() >= Some(waited));
    /// ```
    #[inline]
    pub fn start_ago(mut self, time: Duration) -> Self {
        self.start = Start::Ago(time);
        self
    }

    /// Spans it is related to from the start.
    #[inline]
    pub fn links(mut self, links: &'a [SpanContext]) -> Self {
        self.links = links;
        self
    }

    /// The method of an HTTP request, for the sampler.
    #[inline]
    pub fn method(mut self, method: &'a str) -> Self {
        self.method = Some(method);
        self
    }

    /// The path of an HTTP request, for the sampler.
    #[inline]
    pub fn path(mut self, path: &'a str) -> Self {
        self.path = Some(path);
        self
    }

    /// The route's template, for the sampler, if it is known already.
    #[inline]
    pub fn route(mut self, route: Option<&'a str>) -> Self {
        self.route = route;
        self
    }

    /// The destination of a message, for the sampler.
    #[inline]
    pub fn destination(mut self, destination: &'a str) -> Self {
        self.destination = Some(destination);
        self
    }

    /// Starts it under the current span: for calls out and work inside.
    ///
    /// The tracer is the one given, else the current context's, else the installed one. With none it
    /// records nothing, and what is current goes on.
    #[inline]
    pub fn start<'v, A: AsRef<[Attr<'v>]>>(
        self,
        tracer: Option<&Tracer>,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        self.start_under(Context::current(), tracer, attrs)
    }

    /// The same under a given context.
    #[inline]
    pub fn start_in<'v, A: AsRef<[Attr<'v>]>>(
        self,
        context: &Context,
        tracer: Option<&Tracer>,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        if Context::is_muted_here() {
            return Span::muted();
        }
        self.start_under(context.clone(), tracer, attrs)
    }

    /// Starts a local root: for requests and messages that come in. What is current is ignored.
    ///
    /// It is a child of the incoming parent, and linked to [`Incoming::link`]. The tracer is the one given, else
    /// the installed one. With none, nothing is recorded, and every call passes the incoming context on unchanged.
    pub fn start_root<'v, A: AsRef<[Attr<'v>]>>(
        self,
        tracer: Option<&Tracer>,
        incoming: Incoming,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        if Context::is_muted_here() {
            return Span::muted();
        }
        if matches!(self.kind, Kind::Server | Kind::Consumer) && !SERVES.load(Relaxed) {
            SERVES.store(true, Relaxed);
        }
        match tracer.or_else(|| installed(self.kind)) {
            Some(tracer) => {
                let Incoming {
                    parent,
                    baggage,
                    link,
                } = incoming;
                let mut builder: SpanBuilder<'_> = self;
                let with_others = !builder.links.is_empty();
                if !with_others {
                    builder.links = link.as_slice();
                }
                let span = builder.root(tracer, parent, baggage.into(), attrs);
                if let Some(link) = link.as_ref().filter(|_| with_others) {
                    span.context.link(link);
                }
                span
            }
            None => Span {
                context: Context::remote(incoming),
                recorded: false,
            },
        }
    }

    /// Makes a context that of a span under its span.
    #[inline(always)] // so that the context is made where the caller wants it
    fn start_under<'v, A: AsRef<[Attr<'v>]>>(
        self,
        mut context: Context,
        tracer: Option<&Tracer>,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        let recorded = match context.standing(tracer) {
            Standing::Recording => {
                // before the lock: it is the caller's code
                let attrs = guest::attributes(attrs);
                if attrs.is_none() {
                    context.count_panic();
                }
                let opening = self.opening(context.ids.map(|ids| ids.span_id), Marks::NONE);
                let attrs = attrs.as_ref().map_or(&[][..], A::as_ref);
                let opened = context.open(&opening, attrs);
                notify_of_limit(opened);
                if let (Ok((index, id)), Some(ids)) = (opened, &mut context.ids) {
                    context.span = index;
                    ids.span_id = id;
                }
                opened.is_ok()
            }
            Standing::Decided => {
                // a participating service sends another parent id with each call
                if let (Kind::Client | Kind::Producer, Some(ids)) = (self.kind, &mut context.ids) {
                    ids.span_id = random_span_id();
                }
                false
            }
            Standing::Muted if context.ids.is_none() => return Span::muted(),
            Standing::Muted => false,
            Standing::Free => return self.start_elsewhere(context, tracer, attrs),
        };
        Span { context, recorded }
    }

    /// Where nobody has decided, or another tracer has.
    fn start_elsewhere<'v, A: AsRef<[Attr<'v>]>>(
        self,
        mut context: Context,
        tracer: Option<&Tracer>,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        let Some(tracer) = tracer.or_else(|| installed(self.kind)) else {
            return Span {
                context,
                recorded: false,
            };
        };
        if context.ids.is_none() {
            report_lost_context(self.kind, &self.name);
        }
        let parent = context.span_context();
        let extras = context.extras.take();
        self.root(tracer, parent, Carried::Shared(extras), attrs)
    }

    /// A local root of this tracer.
    #[inline]
    fn root<'v, A: AsRef<[Attr<'v>]>>(
        self,
        tracer: &Tracer,
        parent: Option<SpanContext>,
        carried: Carried,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        let shared = tracer.shared();
        let plan = shared.plan.load();
        let head = Head::new(&self, shared, &plan, parent.as_ref());
        let keep = if head.choice.never {
            Keep::NOTHING
        } else {
            plan.keep.under(parent.as_ref().map(ParentBranch::of))
        };
        let recorded = (head.choice.sampled || keep.records()) && !shared.is_closed();
        let (tracestate, extras) = head.carry(parent.as_ref(), carried, recorded);
        let mut context = Context {
            trace: TraceRef::NONE,
            span: 0,
            tracer: shared.number,
            flags: head.flags,
            remote: false,
            mute: Mute::Nothing,
            ids: None,
            extras,
        };
        if recorded {
            let attrs = guest::attributes(attrs);
            if attrs.is_none() {
                shared.counters.panics.fetch_add(1, Relaxed);
            }
            let beginning = Beginning {
                trace_id: head.trace_id,
                flags: head.flags,
                tracestate,
                keep,
                rule: Some(head.choice.rule).filter(|_| head.choice.sampled),
            };
            if self.record(
                shared,
                &mut context,
                parent.as_ref(),
                beginning,
                attrs.as_ref().map_or(&[][..], A::as_ref),
            ) {
                return Span {
                    context,
                    recorded: true,
                };
            }
            let carried = Carried::Shared(context.extras.take());
            context.extras = head.carry(parent.as_ref(), carried, false).1;
        } else if shared.is_closed() {
            shared.begun_after_end();
        }
        context.ids = Some(SpanIds {
            trace_id: head.trace_id,
            span_id: shared.ids.span_id(),
        });
        Span {
            context,
            recorded: false,
        }
    }

    #[inline]
    fn record(
        self,
        shared: &Arc<Shared>,
        context: &mut Context,
        parent: Option<&SpanContext>,
        beginning: Beginning<'_>,
        attrs: &[Attr<'_>],
    ) -> bool {
        let trace_id = beginning.trace_id;
        let remote = parent.is_some_and(SpanContext::is_remote);
        let marks = Marks::LOCAL_ROOT.with(Marks::REMOTE_PARENT, remote);
        let opening = self.opening(parent.map(SpanContext::span_id), marks);
        let extras = context.extras.as_deref();
        let begun = TraceRef::begin(shared, beginning, &opening, extras, attrs);
        let Ok((trace, index, span_id)) = begun else {
            shared.counters.lost_traces.fetch_add(1, Relaxed);
            notify("budget", || {
                "traces are being lost: the process's budget for them is used up (see Limits)"
                    .to_owned()
            });
            return false;
        };
        context.span = index;
        context.ids = Some(SpanIds { trace_id, span_id });
        context.trace = trace;
        true
    }

    #[inline]
    fn opening(&self, parent: Option<SpanId>, marks: Marks) -> Opening<'a> {
        Opening {
            name: self.name,
            prefix: self.prefix,
            parent,
            marks: marks.of_kind(self.kind),
            scope: self.scope,
            start: self.start,
            links: self.links,
        }
    }
}

/// Outside all locks: the hook is the application's.
#[inline]
fn notify_of_limit(opened: Result<(u32, SpanId), Refused>) {
    if opened == Err(Refused::Limit) {
        notify("limit", || {
            "spans are being lost: a trace reached its limit of spans or bytes (see Limits)"
                .to_owned()
        });
    }
}

/// The process serves requests or messages. It guards nothing, so no ordering is needed.
static SERVES: AtomicBool = AtomicBool::new(false);

/// Reports calls out that begin traces of their own where requests are served: the first, the tenth, the hundredth, …
/// A job of the process may mean to, so that more would be noise.
fn report_lost_context(kind: Kind, name: &Name<'_>) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let calls = matches!(kind, Kind::Client | Kind::Producer);
    if !calls || !SERVES.load(Relaxed) {
        return;
    }
    let count = COUNT.fetch_add(1, Relaxed) + 1;
    if 10_u64.pow(count.ilog10()) == count {
        notify("lost-context", || {
            format!(
                "a call out (`{}`) began a trace of its own in a process that serves requests, {count} so far: if a \
                 request caused it, its context was lost in a task, a thread or a channel; spawn by hopline::spawn, \
                 hopline::spawn_blocking or JoinSetExt::spawn_traced, or carry Context::current() along; if it is a \
                 job of the process, give that a span by SpanBuilder::start_root",
                name.as_str()
            )
        });
    }
}

/// The installed tracer; its absence is said once where somebody seems to expect one.
fn installed(kind: Kind) -> Option<&'static Tracer> {
    static SAID: Once = Once::new();
    let tracer = Tracer::installed();
    if tracer.is_none() && matches!(kind, Kind::Server | Kind::Consumer) && !Tracer::is_waived() {
        SAID.call_once(|| {
            notify("no-tracer", || {
                "nothing is recorded: no tracer was given or installed (call hopline::init first, or \
                 give this layer one by .tracer(…))"
                    .to_owned()
            });
        });
    }
    tracer
}

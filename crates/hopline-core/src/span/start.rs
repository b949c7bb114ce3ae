//! Starts of spans: a root of a local trace, or a child of a context's span.
//! The builder calls `begin_root` and `begin_under` with the facts that it has collected.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Once};

use crate::attribute::closure;
use crate::attribute::value::{Attr, Name};
use crate::engine::buffer::{SpanStart, StartError, TraceStart};
use crate::engine::shared::Shared;
use crate::engine::trace_ref::TraceRef;
use crate::kind::SpanKind;
use crate::notice::line::notify;
use crate::propagation::carrier::Incoming;
use crate::propagation::id::SpanId;
use crate::propagation::id_source::random_span_id;
use crate::propagation::span_context::SpanContext;
use crate::record::records::SpanFlags;
use crate::sampling::keep::Keep;
use crate::sampling::parents::ParentBranch;
use crate::span::baggage_source::BaggageSource;
use crate::span::context::{Context, InheritedDecision, Mute, SpanIds};
use crate::span::decision::RootDecision;
use crate::span::facts::SpanFacts;
use crate::span::handle::Span;
use crate::span::tracer::Tracer;

impl<'a> SpanFacts<'a> {
    /// Starts a local root.
    #[inline]
    pub(super) fn begin_root<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        tracer: Option<&Tracer>,
        incoming: Incoming,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        if Context::is_muted_here() {
            return Span::muted();
        }
        if matches!(self.kind, SpanKind::Server | SpanKind::Consumer) && !SERVES.load(Relaxed) {
            SERVES.store(true, Relaxed);
        }
        match tracer.or_else(|| installed(self.kind)) {
            Some(tracer) => {
                let Incoming {
                    parent,
                    baggage,
                    link,
                } = incoming;
                let mut facts: SpanFacts<'_> = *self;
                let with_others = !facts.links.is_empty();
                if !with_others {
                    facts.links = link.as_slice();
                }
                let span = facts.root(tracer, parent, baggage.into(), attrs);
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

    /// Starts a span under a context, and turns the context into that of the new span.
    #[inline(always)] // so that the context is made where the caller wants it
    pub(super) fn begin_under<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        mut context: Context,
        tracer: Option<&Tracer>,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        let recorded = match context.inherited_decision(|| tracer.map(Tracer::number)) {
            InheritedDecision::Recording => {
                // before the lock, because it is code of the caller
                let attrs = closure::evaluate(attrs);
                if attrs.is_none() {
                    context.count_panic();
                }
                let span_start =
                    self.span_start(context.ids.map(|ids| ids.span_id), SpanFlags::NONE);
                let attrs = attrs.as_ref().map_or(&[][..], A::as_ref);
                let opened = context.open(&span_start, attrs);
                notify_of_limit(opened);
                if let (Ok((index, id)), Some(ids)) = (opened, &mut context.ids) {
                    context.span = index;
                    ids.span_id = id;
                }
                opened.is_ok()
            }
            InheritedDecision::Decided => {
                // a participating service sends another parent id with each call
                if let (SpanKind::Client | SpanKind::Producer, Some(ids)) =
                    (self.kind, &mut context.ids)
                {
                    ids.span_id = random_span_id();
                }
                false
            }
            InheritedDecision::Muted if context.ids.is_none() => return Span::muted(),
            InheritedDecision::Muted => false,
            InheritedDecision::Free => {
                // a copy for this case, so that the facts need not be in memory in the others
                let facts = *self;
                return facts.begin_elsewhere(context, tracer, attrs);
            }
        };
        Span { context, recorded }
    }

    /// Starts a local trace, because no tracer or another one has decided on the context.
    #[inline(never)] // else each start of a child has the stack of a root's
    fn begin_elsewhere<'v, A: AsRef<[Attr<'v>]>>(
        &self,
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
        self.root(tracer, parent, BaggageSource::Shared(extras), attrs)
    }

    /// A local root of this tracer.
    #[inline]
    fn root<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        tracer: &Tracer,
        parent: Option<SpanContext>,
        baggage: BaggageSource,
        attrs: impl FnOnce() -> A,
    ) -> Span {
        let shared = tracer.shared();
        let plan = shared.plan.load();
        let decision = RootDecision::new(self, shared, &plan, parent.as_ref());
        let keep = if decision.choice.never {
            Keep::NOTHING
        } else {
            plan.keep
                .under(parent.as_ref().map(ParentBranch::from_parent))
        };
        let recorded = (decision.choice.sampled || keep.records()) && !shared.is_closed();
        let (tracestate, extras) = decision.carry(parent.as_ref(), baggage, recorded);
        let mut context = Context {
            trace: TraceRef::NONE,
            span: 0,
            tracer: shared.number,
            flags: decision.flags,
            remote: false,
            mute: Mute::Nothing,
            ids: None,
            extras,
        };
        if recorded {
            let attrs = closure::evaluate(attrs);
            if attrs.is_none() {
                shared.counters.panics.fetch_add(1, Relaxed);
            }
            let trace_start = TraceStart {
                trace_id: decision.trace_id,
                flags: decision.flags,
                tracestate,
                keep,
                rule: Some(decision.choice.rule).filter(|_| decision.choice.sampled),
            };
            if self.record(
                shared,
                &mut context,
                parent.as_ref(),
                trace_start,
                attrs.as_ref().map_or(&[][..], A::as_ref),
            ) {
                return Span {
                    context,
                    recorded: true,
                };
            }
            let baggage = BaggageSource::Shared(context.extras.take());
            context.extras = decision.carry(parent.as_ref(), baggage, false).1;
        } else if shared.is_closed() {
            shared.begun_after_end();
        }
        context.ids = Some(SpanIds {
            trace_id: decision.trace_id,
            span_id: shared.ids.span_id(),
        });
        Span {
            context,
            recorded: false,
        }
    }

    #[inline]
    fn record(
        &self,
        shared: &Arc<Shared>,
        context: &mut Context,
        parent: Option<&SpanContext>,
        trace_start: TraceStart<'_>,
        attrs: &[Attr<'_>],
    ) -> bool {
        let trace_id = trace_start.trace_id;
        let remote = parent.is_some_and(SpanContext::is_remote);
        let flags = SpanFlags::LOCAL_ROOT.with(SpanFlags::REMOTE_PARENT, remote);
        let span_start = self.span_start(parent.map(SpanContext::span_id), flags);
        let extras = context.extras.as_deref();
        let begun = TraceRef::begin(shared, trace_start, &span_start, extras, attrs);
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
    fn span_start(&self, parent: Option<SpanId>, flags: SpanFlags) -> SpanStart<'a> {
        SpanStart {
            name: self.name,
            prefix: self.prefix,
            parent,
            flags: flags.of_kind(self.kind),
            scope: self.scope,
            start: self.start,
            links: self.links,
        }
    }
}

/// Outside all locks: the hook is the application's.
#[inline]
fn notify_of_limit(opened: Result<(u32, SpanId), StartError>) {
    if opened == Err(StartError::Limit) {
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
fn report_lost_context(kind: SpanKind, name: &Name<'_>) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let calls = matches!(kind, SpanKind::Client | SpanKind::Producer);
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
                 job of the process, give that a span by SpanBuilder::parent(Incoming::default())",
                name.as_str()
            )
        });
    }
}

/// The installed tracer. Its absence is reported once, for kinds of spans that suggest that one is expected.
fn installed(kind: SpanKind) -> Option<&'static Tracer> {
    static REPORTED: Once = Once::new();
    let tracer = Tracer::installed();
    if tracer.is_none()
        && matches!(kind, SpanKind::Server | SpanKind::Consumer)
        && !Tracer::is_waived()
    {
        REPORTED.call_once(|| {
            notify("no-tracer", || {
                "nothing is recorded: no tracer was given or installed (call hopline::init first, or \
                 give this layer one by .tracer(…))"
                    .to_owned()
            });
        });
    }
    tracer
}

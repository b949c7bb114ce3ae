//! The layer: turns the life of a `tracing` span into that of a hopline span.

use std::time::{Duration, Instant, SystemTime};

use hopline_core::bridge::{
    InheritedDecision, exit, exit_all, inherited_here, records_error_messages, set_kind,
    tracer_records_error_messages,
};
use hopline_core::{
    Attr, Context, InstrumentationScope, Literal, Name, Span, SpanBuilder, SpanKind, attr,
};
use tracing::field::Visit;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use crate::event;
use crate::fields::{Fields, collect};
use crate::filter::BridgeFilter;
use crate::marks::Marks;
use crate::options::Options;
use crate::store::{Bridged, Outside, State, Store, Timings};

pub(crate) static SCOPE: InstrumentationScope =
    InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// The part of the [`Layer`](crate::Layer) below its filter.
///
/// Parents come from hopline's current context, never from the registry. A span that a filter hides is skipped: its
/// children attach to the next one above that is recorded.
#[derive(Debug)]
pub struct Bridge {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) wanted: BridgeFilter,
}

impl Bridge {
    pub(crate) fn new(options: Options, wanted: BridgeFilter) -> Self {
        Self {
            store: Store::new(),
            options,
            wanted,
        }
    }

    /// The context that a new span or event belongs to: that of an explicit parent that is visible, else the current.
    ///
    /// `parent: &span` of a span that a filter disabled looks like `parent: None`, so that is the current one, too.
    fn around(&self, parent: Option<&Id>) -> Context {
        let explicit = parent.and_then(|id| self.context_of(id.into_u64()));
        explicit.unwrap_or_else(Context::current)
    }

    /// The context in which a span is current. Starts it if it waits for that.
    pub(crate) fn context_of(&self, id: u64) -> Option<Context> {
        if let Some(context) = self.store.context(id) {
            return Some(context);
        }
        self.start_outside(id);
        self.store.context(id)
    }

    /// Starts a span that was created outside any trace, if it may start one or was given a parent.
    fn start_outside(&self, id: u64) {
        let taken = self.store.with(id, |bridged| {
            let ready = matches!(&bridged.state, State::Outside(outside) if outside.may_start || outside.incoming.is_some());
            ready.then(|| std::mem::replace(&mut bridged.state, State::Starting))
        });
        // the sampler may be the application's: it runs outside the lock
        if let Some(Some(State::Outside(outside))) = taken {
            let span = self.root(*outside);
            self.store
                .with(id, |bridged| bridged.state = State::Started(span));
        }
    }

    fn root(&self, outside: Outside) -> Span {
        let Outside {
            meta,
            fields,
            since,
            around,
            incoming,
            ..
        } = outside;
        let tracer = self.options.tracer.as_ref();
        let builder = builder(meta, &fields).start_time(since).tracer(tracer);
        let span = fields.attrs(|attrs| match incoming {
            Some(incoming) => builder.parent(incoming).attributes(|| attrs).start(),
            None => builder.child_of(&around).attributes(|| attrs).start(),
        });
        self.complete(&span, &fields, meta);
        span
    }

    fn is_root_wanted(&self, meta: &Metadata<'_>) -> bool {
        self.options.roots >= *meta.level()
    }

    fn timings(&self) -> Option<Box<Timings>> {
        self.options.timings.then(|| {
            Box::new(Timings {
                busy: Duration::ZERO,
                idle: Duration::ZERO,
                last: Instant::now(),
            })
        })
    }

    /// Records what a span has besides name, kind and attributes.
    #[inline]
    fn complete(&self, span: &Span, fields: &Fields, meta: &'static Metadata<'static>) {
        if fields.has_special() {
            fail_if_asked(span.context_ref(), fields);
        }
        if self.options.describe() {
            self.describe(span, meta);
        }
    }

    /// Records the parts of a span's metadata that the options select.
    #[cold]
    fn describe(&self, span: &Span, meta: &Metadata<'static>) {
        let options = &self.options;
        if options.location {
            span.set_all(|| {
                [
                    attr("code.file.path", meta.file().map(Literal)),
                    attr("code.line.number", meta.line()),
                    attr("code.namespace", meta.module_path().map(Literal)),
                ]
            });
        }
        if options.threads {
            let thread = std::thread::current();
            span.set("thread.name", thread.name());
        }
        if options.target {
            span.set("target", Literal(meta.target()));
        }
        if options.level {
            span.set("level", Literal(meta.level().as_str()));
        }
    }
}

/// A builder with the name and kind that the fields ask for.
#[inline]
fn builder<'a>(meta: &'static Metadata<'static>, fields: &'a Fields) -> SpanBuilder<'a> {
    let builder = SpanBuilder::new(meta.name()).scope(&SCOPE);
    if fields.has_special() {
        described(builder, fields)
    } else {
        builder
    }
}

#[cold]
fn described<'a>(builder: SpanBuilder<'a>, fields: &'a Fields) -> SpanBuilder<'a> {
    let kind = fields.kind().and_then(kind).unwrap_or_default();
    match fields.name() {
        Some(name) => SpanBuilder::new(Name::dynamic(name))
            .scope(&SCOPE)
            .kind(kind),
        None => builder.kind(kind),
    }
}

/// The kind named by `otel.kind`.
fn kind(text: &str) -> Option<SpanKind> {
    [
        ("internal", SpanKind::Internal),
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
    ]
    .into_iter()
    .find_map(|(name, kind)| text.eq_ignore_ascii_case(name).then_some(kind))
}

/// Records fields that are known late.
fn update(context: &Context, fields: &Fields) {
    if !fields.set.is_empty() {
        context.set_all(|| [fields.set.as_attr()]);
    }
    if let Some(name) = fields.name() {
        context.rename(Name::dynamic(name));
    }
    if let Some(kind) = fields.kind().and_then(kind) {
        set_kind(context, kind);
    }
    fail_if_asked(context, fields);
}

fn fail_if_asked(context: &Context, fields: &Fields) {
    if fields.failed() {
        context.fail_with("_OTHER", fields.status_message());
    }
}

impl<S> tracing_subscriber::Layer<S> for Bridge
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, _: LayerContext<'_, S>) {
        let explicit = attrs.parent();
        match explicit.and_then(|id| self.context_of(id.into_u64())) {
            // by reference to the current context: a clone would count references
            None => match inherited_here() {
                InheritedDecision::Recording => {
                    let messages = || records_error_messages(&Context::current());
                    self.child(id, attrs, &messages, |builder, attrs| {
                        builder.attributes(|| attrs).start()
                    });
                }
                InheritedDecision::Free => self.wait(attrs, id, Context::current()),
                // not recorded, as was decided above it
                InheritedDecision::Decided | InheritedDecision::Muted => {}
            },
            Some(parent) if parent.is_recording() => {
                let messages = || records_error_messages(&parent);
                self.child(id, attrs, &messages, |builder, attrs| {
                    builder.child_of(&parent).attributes(|| attrs).start()
                });
            }
            Some(_) => {}
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        let context = self.store.context(id);
        let messages = || match &context {
            Some(context) => records_error_messages(context),
            None => self.roots_record_messages(),
        };
        let visit = |visit: &mut dyn Visit| values.record(visit);
        collect(Marks::ALL, &messages, visit, |fields| match &context {
            Some(context) => update(context, fields),
            None => {
                self.store.with(id, |bridged| {
                    if let State::Outside(outside) = &mut bridged.state {
                        outside.fields.extend(fields);
                    }
                });
            }
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: LayerContext<'_, S>) {
        let (Some(context), Some(other)) = (
            self.context_of(id.into_u64()),
            self.context_of(follows.into_u64()),
        ) else {
            return;
        };
        if let Some(other) = other.span_context() {
            context.link(&other);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let context = self.around(event.parent());
        if !context.is_recording() || context.is_muted() {
            return;
        }
        event::record(&context, event, &self.options, &self.wanted);
    }

    fn on_enter(&self, id: &Id, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        if self.store.enter(id) == Some(false) {
            self.start_outside(id);
            self.store.enter(id);
        }
        self.timed(id, |timings, spent| timings.idle += spent);
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        exit(self.store.key(id));
        self.timed(id, |timings, spent| timings.busy += spent);
    }

    fn on_close(&self, id: Id, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        exit_all(self.store.key(id));
        let Some(bridged) = self.store.remove(id) else {
            return;
        };
        if let State::Started(span) = bridged.state {
            match bridged.timings {
                Some(timings) => span.end_with(|| {
                    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
                    [
                        attr("busy_ns", nanos(timings.busy)),
                        attr("idle_ns", nanos(timings.idle)),
                    ]
                }),
                None => span.end(),
            }
        }
    }
}

impl Bridge {
    /// Starts a span with its fields, by `start`.
    #[inline]
    fn child(
        &self,
        id: &Id,
        attrs: &Attributes<'_>,
        messages: &dyn Fn() -> bool,
        start: impl FnOnce(SpanBuilder<'_>, &[Attr<'_>]) -> Span,
    ) {
        let meta = attrs.metadata();
        let visit = |visit: &mut dyn Visit| attrs.record(visit);
        collect(Marks::of(meta), messages, visit, |fields| {
            let span = fields.attrs(|attrs| start(builder(meta, fields), attrs));
            self.complete(&span, fields, meta);
            self.insert(id, State::Started(span));
        });
    }

    /// Keeps what is known of a span outside any trace, until it may start one.
    fn wait(&self, attrs: &Attributes<'_>, id: &Id, around: Context) {
        let meta = attrs.metadata();
        let visit = |visit: &mut dyn Visit| attrs.record(visit);
        let messages = || self.roots_record_messages();
        let fields = collect(Marks::of(meta), &messages, visit, |fields| fields.clone());
        let outside = Outside {
            meta,
            fields,
            since: SystemTime::now(),
            around,
            incoming: None,
            may_start: self.is_root_wanted(meta),
        };
        self.insert(id, State::Outside(Box::new(outside)));
    }

    /// True if the tracer of traces that spans start records messages of errors.
    fn roots_record_messages(&self) -> bool {
        tracer_records_error_messages(self.options.tracer.as_ref())
    }

    #[inline]
    fn insert(&self, id: &Id, state: State) {
        let bridged = Bridged {
            state,
            timings: self.timings(),
        };
        self.store.insert(id.into_u64(), bridged);
    }

    fn timed(&self, key: u64, add: impl FnOnce(&mut Timings, Duration)) {
        if self.options.timings {
            self.store.with(key, |bridged| {
                if let Some(timings) = &mut bridged.timings {
                    let now = Instant::now();
                    add(timings, now.saturating_duration_since(timings.last));
                    timings.last = now;
                }
            });
        }
    }
}

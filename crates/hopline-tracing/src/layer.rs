//! The layer: turns the life of a `tracing` span into that of a hopline span.

use std::time::{Duration, Instant, SystemTime};

use hopline_core::bridge::{enter, exit, exit_all, set_kind};
use hopline_core::{
    Attr, Context, InstrumentationScope, Literal, Name, Span, SpanBuilder, SpanKind, attr,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use crate::builder::Options;
use crate::event;
use crate::fields::{Fields, collect};
use crate::filter::BridgeFilter;
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
        let builder = builder(meta.name(), &fields).start_time(since);
        let span = started(&fields, |attrs| match incoming {
            Some(incoming) => builder
                .tracer(tracer)
                .parent(incoming)
                .attributes(|| attrs)
                .start(),
            None => builder
                .child_of(&around)
                .tracer(tracer)
                .attributes(|| attrs)
                .start(),
        });
        self.describe(&span, meta);
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

    /// Records the parts of a span's metadata that the options select.
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

/// Starts a span with all of its fields.
fn started(fields: &Fields, start: impl FnOnce(&[Attr<'_>]) -> Span) -> Span {
    let (mut start, mut span) = (Some(start), Span::none());
    fields.each_chunk(|attrs| match start.take() {
        Some(start) => span = start(attrs),
        None => span.set_all(|| attrs),
    });
    fail_if_asked(span.context_ref(), fields);
    span
}

/// A builder with the name and kind that the fields ask for.
fn builder<'a>(name: &'static str, fields: &'a Fields) -> SpanBuilder<'a> {
    let name = fields.name().map_or(Name::from(name), Name::dynamic);
    SpanBuilder::new(name)
        .kind(fields.kind().and_then(kind).unwrap_or_default())
        .scope(&SCOPE)
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
fn update(context: &Context, fields: &mut Fields) {
    fields.ask_for_messages(context);
    fields.each_chunk(|attrs| context.set_all(|| attrs));
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
        let around = self.around(attrs.parent());
        if around.is_muted() {
            return;
        }
        let meta = attrs.metadata();
        if !around.is_recording() {
            // not recorded, as was decided above it; else outside any trace of this process
            if around.span_context().is_none_or(|span| span.is_remote()) {
                let visit = |fields: &mut Fields| attrs.record(fields);
                collect(visit, |fields| {
                    let outside = Outside {
                        meta,
                        fields: fields.keep(),
                        since: SystemTime::now(),
                        around,
                        incoming: None,
                        may_start: self.is_root_wanted(meta),
                    };
                    self.insert(id, State::Outside(Box::new(outside)));
                });
            }
            return;
        }
        let visit = |fields: &mut Fields| attrs.record(fields);
        let span = collect(visit, |fields| {
            fields.ask_for_messages(&around);
            let builder = builder(meta.name(), fields);
            started(fields, |attrs| {
                builder.child_of(&around).attributes(|| attrs).start()
            })
        });
        self.describe(&span, meta);
        self.insert(id, State::Started(span));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        let visit = |fields: &mut Fields| values.record(fields);
        let context = self.store.context(id);
        collect(visit, |fields| match context {
            Some(context) => update(&context, fields),
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
        let normal = event.normalized_metadata();
        let meta = normal.as_ref().unwrap_or_else(|| event.metadata());
        // a record of the `log` crate passed the filter under the target `log`
        if normal.is_some() && !self.wanted.wants(meta.target(), meta.level()) {
            return;
        }
        event::record(&context, event, meta, &self.options);
    }

    fn on_enter(&self, id: &Id, _: LayerContext<'_, S>) {
        let key = id.into_u64();
        if let Some(context) = self.context_of(key) {
            enter(key, context);
        }
        self.timed(key, |timings, spent| timings.idle += spent);
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        let key = id.into_u64();
        exit(key);
        self.timed(key, |timings, spent| timings.busy += spent);
    }

    fn on_close(&self, id: Id, _: LayerContext<'_, S>) {
        let key = id.into_u64();
        exit_all(key);
        let Some(bridged) = self.store.remove(key) else {
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

//! The span factory.
//!
//! | method | span | returns |
//! |---|---|---|
//! | `statement`, `copy` | `db.query` | [`StartedStatement`], for a guard that counts rows |
//! | `completed` | `db.query`, already over | [`StartedStatement`] |
//! | `statement_step` | `db.query` | [`StepSpan`] |
//! | `prepare`, `describe`, `migration` | `db.prepare`, `db.describe`, `db.migrate` | [`StepSpan`] |
//! | `control`, `begin_with` | `db.begin`, `db.commit`, … | [`StepSpan`] |
//! | `connection_step` | `db.acquire`, `db.ping`, `db.connect`, or none | [`StepSpan`] |
//! | `wait` | `db.acquire` | a span that ends on drop |

use std::sync::Arc;
use std::time::Duration;

use hopline_core::{
    Attr, Context, InstrumentationScope, Span, SpanBuilder, SpanKind, semconv::SpanNames,
};
#[cfg(feature = "postgres")]
use sqlx::{AssertSqlSafe, SqlSafeStr};
use sqlx::{Database, SqlStr};

use crate::database::Call;
use crate::log::StatementLog;
use crate::settings::{RawEvents, Settings};
use crate::span::control::Control;
use crate::span::measurement::Measurement;
use crate::span::notes::Notes;
use crate::span::parsed_text::RawText;
use crate::span::started::StartedStatement;
use crate::span::statement_cache::ParsedStatement;
use crate::span::step_span::StepSpan;

/// The instrumentation scope of all spans of this crate.
static SCOPE: InstrumentationScope =
    InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// Starts the spans of a pool, its connections and its transactions, by the pool's settings.
///
/// Cloning counts references.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    /// Shared by a pool, its clones, connections and transactions, until one of the clones changes a setting.
    settings: Arc<Settings>,
}

impl Spans {
    /// A factory with these settings.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }

    /// The settings.
    #[inline]
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings of this factory and its later clones.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        Arc::make_mut(&mut self.settings).change(change);
    }

    /// A factory for connections that were not opened by a traced pool, or that no pool replaces.
    pub(crate) fn for_foreign_connections(&self) -> Self {
        let mut spans = self.clone();
        spans.change(|settings| settings.raw_events = RawEvents::Always);
        spans
    }

    /// Starts a statement. Its text is parsed only if the span is recorded.
    #[inline]
    pub(crate) fn statement<DB: Database>(
        &self,
        call: &mut Call<DB>,
        notes: Notes<'_>,
    ) -> StartedStatement {
        let log = StatementLog::new(&self.settings, || call.sql());
        let parameterised = call.is_parameterised();
        let started = self.text_span("db.query", call.text(), parameterised, notes);
        if self.settings.trace_comments
            && started.span.is_recording()
            && let Some(context) = started.span.span_context()
            && context.is_sampled()
        {
            call.comment(&context, self.settings.endpoint.dialect);
        }
        StartedStatement { log, ..started }
    }

    /// Starts a COPY, which is not sent as a query. No rows come back as a result.
    #[cfg(feature = "postgres")]
    pub(crate) fn copy(&self, sql: &str) -> StartedStatement {
        let started = self.text_span("db.query", sql, false, Notes::default());
        let log = StatementLog::new(&self.settings, || AssertSqlSafe(sql).into_sql_str());
        StartedStatement {
            log,
            writes: true,
            ..started
        }
    }

    /// Starts a statement without bound values and without a result, such as LISTEN.
    #[cfg(feature = "postgres")]
    pub(crate) fn statement_step(&self, sql: &str) -> StepSpan {
        let StartedStatement {
            span,
            measurement,
            log,
            ..
        } = self.copy(sql);
        StepSpan::logged(span, measurement, log)
    }

    /// Starts an `Executor::describe`.
    pub(crate) fn describe(&self, sql: &str, notes: Notes<'_>) -> StepSpan {
        self.text_step("db.describe", sql, notes)
    }

    /// Starts a migration.
    #[cfg(feature = "migrate")]
    pub(crate) fn migration(&self, sql: &str, version: i64) -> StepSpan {
        let started = self.text_span("db.migrate", sql, false, Notes::default());
        started.span.set("hopline.db.migration", version);
        StepSpan::new(started.span, started.measurement)
    }

    /// Starts an explicit prepare.
    pub(crate) fn prepare(&self, sql: &str, notes: Notes<'_>) -> StepSpan {
        self.text_step("db.prepare", sql, notes)
    }

    /// Starts BEGIN, COMMIT and the like.
    pub(crate) fn control(&self, control: Control) -> StepSpan {
        let log = StatementLog::new(&self.settings, || SqlStr::from_static(control.conventional));
        let span = self.control_span(control);
        let mut measurement = self.measurement(&span);
        measurement.operation(control.conventional);
        StepSpan::logged(span, measurement, log)
    }

    /// Starts a BEGIN with a statement of the application.
    pub(crate) fn begin_with(&self, sql: &SqlStr) -> StepSpan {
        let notes = Notes {
            operation: Some(Control::BEGIN.conventional),
            ..Notes::default()
        };
        let name = Control::BEGIN.name(self.settings.names);
        let started = self.text_span(name, sql.as_str(), false, notes);
        StepSpan::logged(
            started.span,
            started.measurement,
            StatementLog::new(&self.settings, || sql.clone()),
        )
    }

    /// Starts a step that is recorded only with [`Pool::connection_spans`](crate::Pool::connection_spans).
    pub(crate) fn connection_step(&self, control: Control) -> StepSpan {
        let span = if self.settings.connection_spans {
            self.control_span(control)
        } else {
            Span::none()
        };
        // no operation of the database: the pool measures the wait
        StepSpan::new(span, Measurement::NONE)
    }

    /// The span of a wait for a connection that ends now, if it was long enough to have one.
    pub(crate) fn wait(&self, parent: &Context, wait: Duration) -> Option<Span> {
        let settings = self.settings();
        let long = settings.wait_spans.is_some_and(|limit| wait >= limit);
        if !long || !parent.is_recording() {
            return None;
        }
        let span = builder(Control::ACQUIRE.name(settings.names))
            .start_ago(wait)
            .child_of(parent)
            .tracer(settings.tracer.as_ref())
            .attributes(|| {
                [
                    settings.attributes().as_attr(),
                    Control::ACQUIRE.operation(),
                ]
            })
            .start();
        Some(span)
    }

    /// The span of a statement that took `elapsed` and ends now.
    #[cfg(feature = "events")]
    pub(crate) fn completed(&self, sql: &str, elapsed: Duration) -> StartedStatement {
        let builder = builder("db.query").start_ago(elapsed);
        let raw = RawText {
            sql,
            parameterised: false,
            has_summary: false,
        };
        let (span, parsed) = self.parsed_span(builder, "db.query", &raw, &Notes::default());
        StartedStatement {
            span,
            // it is over, so a timer would measure nothing
            measurement: Measurement::NONE,
            writes: parsed.is_some_and(|parsed| parsed.writes),
            log: None,
        }
    }

    /// Starts the span of a step, without a log event.
    fn control_span(&self, control: Control) -> Span {
        let settings = self.settings();
        self.start(builder(control.name(settings.names)), || {
            [settings.attributes().as_attr(), control.operation()]
        })
    }

    /// Starts a step with a text of the application, without a log event.
    fn text_step(&self, name: &'static str, sql: &str, notes: Notes<'_>) -> StepSpan {
        let started = self.text_span(name, sql, false, notes);
        StepSpan::new(started.span, started.measurement)
    }

    /// Starts a span with the attributes of a text, and its measurement. Logs nothing.
    #[inline]
    fn text_span(
        &self,
        name: &'static str,
        sql: &str,
        parameterised: bool,
        notes: Notes<'_>,
    ) -> StartedStatement {
        let raw = RawText {
            sql,
            parameterised,
            has_summary: notes.summary.is_some(),
        };
        let (span, mut parsed) = self.parsed_span(builder(name), name, &raw, &notes);
        let mut measurement = self.measurement(&span);
        if measurement.is_running() {
            let parsed = parsed.get_or_insert_with(|| ParsedStatement::new(&raw, self.settings()));
            measurement.describe(&notes, &parsed.summary);
        }
        StartedStatement {
            span,
            measurement,
            writes: parsed.is_some_and(|parsed| parsed.writes),
            log: None,
        }
    }

    /// Starts a span with the attributes of a text. Parses the text only if the span is recorded.
    fn parsed_span(
        &self,
        builder: SpanBuilder<'_>,
        name: &'static str,
        raw: &RawText<'_>,
        notes: &Notes<'_>,
    ) -> (Span, Option<ParsedStatement>) {
        let settings = self.settings();
        let mut parsed = None;
        let span = {
            let parsed = &mut parsed;
            self.start(builder, || {
                let parsed = parsed.insert(ParsedStatement::new(raw, settings));
                [parsed.attributes.as_attr()]
            })
        };
        if let Some(parsed) = &parsed {
            notes.describe(&span);
            // BEGIN has its conventional name from the start
            if settings.names == SpanNames::Conventions && name.starts_with("db.") {
                notes.rename(&span, &parsed.summary, settings.endpoint.system);
            }
        }
        (span, parsed)
    }

    /// Starts the measurement of a span that was started. Not of a muted context.
    #[inline]
    fn measurement(&self, span: &Span) -> Measurement {
        // a span that `only_with_parent` suppressed has no context
        if self.settings.only_with_parent && !span.is_recording() && Context::current().is_muted() {
            return Measurement::NONE;
        }
        Measurement::start(&self.settings, span)
    }

    /// Starts a span, unless `only_with_parent` forbids it. `attrs` is called only if the span is recorded.
    fn start<'v, const N: usize>(
        &self,
        builder: SpanBuilder<'_>,
        attrs: impl FnOnce() -> [Attr<'v>; N],
    ) -> Span {
        if self.settings.only_with_parent {
            let current = Context::current();
            if !current.is_recording() && current.span_context().is_none() {
                return Span::none();
            }
        }
        builder
            .tracer(self.settings.tracer.as_ref())
            .attributes(attrs)
            .start()
    }
}

/// A span of kind CLIENT, of this crate's scope.
#[inline]
fn builder(name: &'static str) -> SpanBuilder<'static> {
    SpanBuilder::new(name).kind(SpanKind::Client).scope(&SCOPE)
}

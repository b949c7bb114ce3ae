//! Spans from sqlx's own statement events, for code that keeps sqlx's types.

use std::fmt::Debug;
use std::time::Duration;

use hopline_core::{Context, Tracer, attr, semconv::SpanNames};
use tracing_core::field::{Field, Visit};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::{self, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::database::Endpoint;
use crate::log::{self, LogSettings};
use crate::settings::{QueryText, RawEvents, Settings};
use crate::span::Spans;

/// A `tracing` layer that records sqlx's statement events as spans, on a plain `sqlx::PgPool` or `sqlx::MySqlPool`.
///
/// For code that cannot change the types of its pools. Otherwise use a traced [`Pool`](crate::Pool), which sees more:
///
/// | | this layer | [`Pool`](crate::Pool) |
/// |---|---|---|
/// | text, summary, product, address | yes, redacted | yes |
/// | rows | yes | yes |
/// | start and end | yes, to about a microsecond | yes |
/// | parent | the span that is current when the statement ends; without one, no span | the span that is current at the call |
/// | errors | no: a failed statement looks like one without rows | code and class |
/// | cancelled statements, results not read to the end | no: they look complete | marked |
/// | waits for a connection | no | yes |
/// | BEGIN | MySQL only, as a statement | yes |
/// | COMMIT, ROLLBACK, savepoints | as statements | yes |
/// | prepares, COPY, migrations | no | yes |
/// | unchanged text ([`QueryText::VerbatimIfParameterised`]) | no: the event does not show whether values are bound | yes |
/// | trace comments | no | yes |
/// | SQLite | no: its events come from a separate thread without a current span | yes |
///
/// sqlx writes the events at DEBUG (see [`log_statements`](sqlx::ConnectOptions::log_statements)), and the subscriber must
/// let them pass: filter other layers individually (`layer.with_filter(…)`), not the whole registry. Events of traced pools
/// are ignored, since their statements have spans.
///
/// ```
/// use hopline_sqlx::{EventSpans, database::{Dialect, Endpoint}};
/// use tracing_subscriber::prelude::*;
/// use tracing_subscriber::filter::LevelFilter;
///
/// let subscriber = tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO))
///     .with(EventSpans::new(Endpoint::new("postgresql", Dialect::Postgres)).layer());
/// # drop(subscriber);
/// ```
#[derive(Debug)]
#[must_use = "a layer does nothing until it is part of a subscriber"]
pub struct EventSpans {
    spans: Spans,
}

impl EventSpans {
    /// A layer for statements of one database.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            spans: Spans::new(Settings::new(
                endpoint,
                LogSettings::default(),
                RawEvents::Never,
            )),
        }
    }

    /// Records with this tracer. Defaults to the tracer of the current context.
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.spans.change(|settings| settings.tracer = Some(tracer));
        self
    }

    /// Selects the names of spans. Defaults to `HOPLINE_SPAN_NAMES`.
    pub fn span_names(mut self, names: SpanNames) -> Self {
        self.spans.change(|settings| settings.names = names);
        self
    }

    /// Selects how a statement's text is recorded. Defaults to [`QueryText::Redacted`].
    pub fn query_text(mut self, text: QueryText) -> Self {
        self.spans.change(|settings| settings.text = text);
        self
    }

    /// Converts to a layer that receives sqlx's statement events only. Other layers are unaffected.
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.with_filter(StatementEvents)
    }

    fn record(&self, statement: &StatementEvent) {
        let current = Context::current();
        if !current.is_recording() && current.span_context().is_none() {
            return;
        }
        let started = self.spans.completed(statement.text(), statement.elapsed);
        let writes = started.writes;
        started.span.end_with(|| {
            [
                attr(
                    "db.response.returned_rows",
                    (!writes || statement.returned > 0).then_some(statement.returned),
                ),
                attr(
                    "hopline.db.affected_rows",
                    writes.then_some(statement.affected),
                ),
            ]
        });
    }
}

impl<S: Subscriber> Layer<S> for EventSpans {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        // the layer may have been added without its filter
        if log::is_of_sqlx(event.metadata()) {
            let mut statement = StatementEvent::default();
            event.record(&mut statement);
            self.record(&statement);
        }
    }
}

/// Passes sqlx's statement events.
struct StatementEvents;

impl<S> Filter<S> for StatementEvents {
    fn enabled(&self, metadata: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        log::is_of_sqlx(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if log::is_of_sqlx(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

/// The fields of an event.
#[derive(Default)]
struct StatementEvent {
    /// The first words of a long statement and ` …`, or all of a short one.
    summary: String,
    /// All of a long statement. Empty if the summary is complete.
    statement: String,
    returned: u64,
    affected: u64,
    elapsed: Duration,
}

impl StatementEvent {
    fn text(&self) -> &str {
        match self.statement.trim() {
            "" => &self.summary,
            statement => statement,
        }
    }
}

impl Visit for StatementEvent {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rows_returned" => self.returned = value,
            "rows_affected" => self.affected = value,
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.elapsed = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

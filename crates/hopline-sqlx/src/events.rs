//! Spans made of sqlx's own statement events, for code that keeps sqlx's types.

use std::fmt::Debug;
use std::time::Duration;

use hopline_core::{Context, SpanNames, Tracer, attr};
use tracing_core::field::{Field, Visit};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::{self, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::database::Endpoint;
use crate::log::{self, LogSettings, Loud};
use crate::settings::{QueryText, Settings};

/// Makes spans of the statement events that sqlx writes to `tracing`, on a plain `sqlx::PgPool` or `sqlx::MySqlPool`.
///
/// For teams that cannot change the types of their pools. Wherever they can, a traced [`Pool`](crate::Pool) sees more:
///
/// | | here | [`Pool`](crate::Pool) |
/// |---|---|---|
/// | text, summary, product, address | yes, redacted | yes |
/// | rows | yes | yes |
/// | start and end | yes; to the microsecond or so | yes |
/// | parent | what is current where the statement ends; without one there is no span | what is current where it is called |
/// | errors | no: a statement that fails looks like one without rows | code and class |
/// | statements that were dropped, or read half-way | no: they look complete | marked |
/// | waits for a connection | no | yes |
/// | BEGIN | MySQL only, as a statement | yes |
/// | COMMIT, ROLLBACK, savepoints | as statements | yes |
/// | explicit prepares, COPY, migrations as such | no | yes |
/// | unchanged text ([`QueryText::VerbatimIfParameterised`]) | no: it does not see whether values are bound | yes |
/// | trace comments | no | yes |
/// | SQLite | no: its events come from a thread of its own, where no span is current | yes |
///
/// sqlx writes the events at DEBUG ([`log_statements`](sqlx::ConnectOptions::log_statements)), and they have to pass the
/// process's filter: filter other layers by themselves (`layer.with_filter(…)`), not the whole registry. Events of traced
/// pools are passed over, since those have spans.
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
#[must_use = "it is a part of a subscriber"]
pub struct EventSpans {
    settings: Settings,
}

impl EventSpans {
    /// Records statements as those of this database.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            settings: Settings::new(endpoint, LogSettings::default(), Loud::No),
        }
    }

    /// Records with this tracer. Defaults to that of the current context.
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.settings
            .change(|settings| settings.tracer = Some(tracer));
        self
    }

    /// Selects the names of spans. Defaults to the environment's choice.
    pub fn span_names(mut self, names: SpanNames) -> Self {
        self.settings.change(|settings| settings.names = names);
        self
    }

    /// Selects how a statement's text is recorded. Defaults to [`QueryText::Redacted`].
    pub fn query_text(mut self, text: QueryText) -> Self {
        self.settings.change(|settings| settings.text = text);
        self
    }

    /// The layer. It takes sqlx's statement events, and leaves what other layers take as it is.
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.with_filter(Statements)
    }

    fn record(&self, statement: &Statement) {
        let current = Context::current();
        if !current.is_recording() && current.span_context().is_none() {
            return;
        }
        let (span, writes) = self.settings.ended(statement.text(), statement.elapsed);
        span.end_with(|| {
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
        // also where it was added without its filter
        if log::is_of_sqlx(event.metadata()) {
            let mut statement = Statement::default();
            event.record(&mut statement);
            self.record(&statement);
        }
    }
}

/// Lets sqlx's statement events pass.
struct Statements;

impl<S> Filter<S> for Statements {
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

/// The fields of a statement's event.
#[derive(Default)]
struct Statement {
    /// Its first words, with ` …` where there are more; else all of it.
    summary: String,
    /// All of it, where the summary is not.
    statement: String,
    returned: u64,
    affected: u64,
    elapsed: Duration,
}

impl Statement {
    fn text(&self) -> &str {
        match self.statement.trim() {
            "" => &self.summary,
            statement => statement,
        }
    }
}

impl Visit for Statement {
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

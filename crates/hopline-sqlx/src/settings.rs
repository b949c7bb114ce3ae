//! What a pool's connections and transactions share.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::{
    Attr, AttrSet, Context, Kind, Literal, OlderNames, Scope, Span, SpanBuilder, SpanNames, Tracer,
    attr, semconv,
};
#[cfg(feature = "postgres")]
use sqlx::{AssertSqlSafe, SqlSafeStr};
use sqlx::{Database, SqlStr};

use crate::annotated::Notes;
use crate::database::{Call, Endpoint};
use crate::log::{LogSettings, Loud, StatementLog};
use crate::record::Pending;
use crate::redact::Redacted;
use crate::statement::{Statement, Unread};

static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// What is recorded of a statement's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryText {
    /// The text without its values.
    #[default]
    Redacted,
    /// No text; the summary only.
    Omitted,
    /// The unchanged text of a statement that runs with bound values, as the semantic conventions ask for; every other
    /// text without its values. Exports literals that are written beside bound values. Cuts the text after 4 KiB.
    ///
    /// A statement that may hold a secret is redacted all the same: everything but SELECT, INSERT, UPDATE, DELETE,
    /// MERGE, REPLACE, VALUES, WITH and CALL, and everything whose text contains a word such as `password`, `secret`,
    /// `token`, `key`, `crypt`, `dblink`, or a URL.
    VerbatimIfParameterised,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: Endpoint,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) names: SpanNames,
    pub(crate) older_names: OlderNames,
    pub(crate) text: QueryText,
    pub(crate) only_with_parent: bool,
    pub(crate) connection_spans: bool,
    /// A wait for a connection is a span of its own from here on.
    pub(crate) wait_spans: Option<Duration>,
    pub(crate) comments: bool,
    /// By which statements are logged.
    pub(crate) log: LogSettings,
    /// sqlx itself logs them, with their raw text.
    pub(crate) raw_log: bool,
    pub(crate) loud: Loud,
    /// Of every span, made from those above.
    attributes: AttrSet,
    /// No other settings of this process by which other things are recorded of a statement have it.
    pub(crate) number: u64,
}

/// A statement that is about to run.
pub(crate) struct Started {
    pub(crate) span: Span,
    /// It changes rows; what a read reports as changed is not true.
    pub(crate) writes: bool,
    /// Where its log event may be written.
    pub(crate) log: Option<Box<StatementLog>>,
}

impl Started {
    /// True if anything is recorded or written of it.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.span.is_recording() || self.log.is_some()
    }
}

/// A step that is no statement of the application's: its default name, and the one of the conventions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control(pub(crate) &'static str, pub(crate) &'static str);

impl Control {
    pub(crate) const ACQUIRE: Self = Self("db.acquire", "ACQUIRE");
    pub(crate) const BEGIN: Self = Self("db.begin", "BEGIN");
    pub(crate) const COMMIT: Self = Self("db.commit", "COMMIT");
    pub(crate) const CONNECT: Self = Self("db.connect", "CONNECT");
    pub(crate) const PING: Self = Self("db.ping", "PING");
    pub(crate) const RELEASE: Self = Self("db.release", "RELEASE SAVEPOINT");
    pub(crate) const ROLLBACK: Self = Self("db.rollback", "ROLLBACK");
    pub(crate) const ROLLBACK_TO: Self = Self("db.rollback_to", "ROLLBACK TO SAVEPOINT");
    pub(crate) const SAVEPOINT: Self = Self("db.savepoint", "SAVEPOINT");

    /// The operation is known without reading any text, and by the conventions a span's name is made of it.
    fn operation(self) -> Attr<'static> {
        attr("db.operation.name", Literal(self.1))
    }
}

impl Settings {
    /// Those of a pool of which nothing was said yet.
    pub(crate) fn new(endpoint: Endpoint, log: LogSettings, loud: Loud) -> Self {
        let mut settings = Self {
            endpoint,
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            text: QueryText::default(),
            only_with_parent: false,
            connection_spans: false,
            wait_spans: None,
            comments: false,
            log,
            raw_log: false,
            loud,
            attributes: AttrSet::new(),
            number: 0,
        };
        settings.renew();
        settings
    }

    /// The same for a connection that was not opened by a pool that is traced, or is no longer replaced by one.
    pub(crate) fn always_loud(&self) -> Arc<Self> {
        Arc::new(Self {
            loud: Loud::Always,
            ..self.clone()
        })
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let of_statements = |own: &Self| (own.endpoint.clone(), own.older_names, own.text);
        let before = of_statements(self);
        change(self);
        if of_statements(self) != before {
            self.renew();
        }
    }

    fn renew(&mut self) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        self.number = 1 + LAST.fetch_add(1, Relaxed);
        self.attributes.clear();
        self.attributes.extend(self.endpoint.attributes());
        if self.older_names.database {
            self.attributes.extend([
                attr("db.system", Literal(self.endpoint.system)),
                attr("db.name", self.endpoint.namespace.as_deref()),
            ]);
        }
    }

    /// The span of a statement. Its text is read only if the span is recorded.
    #[inline]
    pub(crate) fn statement<DB: Database>(
        self: &Arc<Self>,
        call: &mut Call<DB>,
        notes: Notes<'_>,
    ) -> Started {
        let log = StatementLog::new(self, || call.sql());
        let parameterised = call.is_parameterised();
        let (span, writes) = self.text_span("db.query", call.text(), parameterised, notes);
        if self.comments
            && span.is_recording()
            && let Some(context) = span.span_context()
            && context.is_sampled()
        {
            call.comment(&context, self.endpoint.dialect);
        }
        Started { span, writes, log }
    }

    /// The span of a statement that is not sent as a query: COPY.
    #[cfg(feature = "postgres")]
    pub(crate) fn copy(self: &Arc<Self>, sql: &str) -> Started {
        let (span, _) = self.text_span("db.query", sql, false, Notes::default());
        let log = StatementLog::new(self, || AssertSqlSafe(sql).into_sql_str());
        Started {
            span,
            // no rows come back as a result
            writes: true,
            log,
        }
    }

    /// A statement without bound values, of which only the end is of interest.
    #[cfg(feature = "postgres")]
    pub(crate) fn pending(self: &Arc<Self>, sql: &str) -> Pending {
        let started = self.copy(sql);
        Pending::logged(started.span, started.log)
    }

    /// The span of a question about a statement.
    pub(crate) fn describe_statement(&self, sql: &str, notes: Notes<'_>) -> Span {
        self.text_span("db.describe", sql, false, notes).0
    }

    /// The span of a migration.
    #[cfg(feature = "migrate")]
    pub(crate) fn migration(&self, sql: &str, version: i64) -> Span {
        let span = self.text_span("db.migrate", sql, false, Notes::default()).0;
        span.set("hopline.db.migration", version);
        span
    }

    /// The span of an explicit prepare.
    pub(crate) fn prepare(&self, sql: &str, notes: Notes<'_>) -> Span {
        self.text_span("db.prepare", sql, false, notes).0
    }

    /// BEGIN, COMMIT and the like.
    pub(crate) fn control(self: &Arc<Self>, control: Control) -> Pending {
        let log = StatementLog::new(self, || SqlStr::from_static(control.1));
        Pending::logged(self.control_span(control), log)
    }

    fn control_span(&self, control: Control) -> Span {
        self.start(builder(self.named(control)), || {
            [self.attributes.as_attr(), control.operation()]
        })
    }

    /// The span of a BEGIN of the application's own.
    pub(crate) fn begin_with(self: &Arc<Self>, sql: &SqlStr) -> Pending {
        let notes = Notes {
            operation: Some(Control::BEGIN.1),
            ..Notes::default()
        };
        let name = self.named(Control::BEGIN);
        let (span, _) = self.text_span(name, sql.as_str(), false, notes);
        Pending::logged(span, StatementLog::new(self, || sql.clone()))
    }

    /// The span of a step that only those see who ask for it.
    pub(crate) fn connection_step(&self, control: Control) -> Pending {
        Pending::new(if self.connection_spans {
            self.control_span(control)
        } else {
            Span::none()
        })
    }

    /// The span of a wait for a connection that just ended, if it was long enough to have one.
    pub(crate) fn waited(&self, below: &Context, wait: Duration) -> Option<Span> {
        let long = self.wait_spans.is_some_and(|limit| wait >= limit);
        if !long || !below.is_recording() {
            return None;
        }
        let span = builder(self.named(Control::ACQUIRE))
            .start_ago(wait)
            .child_of(below)
            .tracer(self.tracer.as_ref())
            .attributes(|| [self.attributes.as_attr(), Control::ACQUIRE.operation()])
            .start();
        Some(span)
    }

    fn named(&self, control: Control) -> &'static str {
        match self.names {
            SpanNames::Hopline => control.0,
            SpanNames::Conventions => control.1,
        }
    }

    #[inline]
    fn text_span(
        &self,
        name: &'static str,
        sql: &str,
        parameterised: bool,
        notes: Notes<'_>,
    ) -> (Span, bool) {
        self.text_span_of(builder(name), name, sql, parameterised, notes)
    }

    fn text_span_of(
        &self,
        builder: SpanBuilder<'_>,
        name: &'static str,
        sql: &str,
        parameterised: bool,
        notes: Notes<'_>,
    ) -> (Span, bool) {
        let mut statement = None;
        let span = {
            let statement = &mut statement;
            self.start(builder, || {
                let unread = Unread {
                    sql,
                    parameterised,
                    has_summary: notes.summary.is_some(),
                };
                let statement = statement.insert(Statement::of(&unread, self));
                [statement.attributes.as_attr()]
            })
        };
        let Some(statement) = statement else {
            return (span, false);
        };
        notes.describe(&span);
        // not BEGIN, which has its name already
        if self.names == SpanNames::Conventions && name.starts_with("db.") {
            notes.rename(&span, &statement.summary, self.endpoint.system);
        }
        (span, statement.writes)
    }

    /// Makes `attributes` those of a statement's span, of which the application says nothing.
    pub(crate) fn describe(&self, attributes: &mut AttrSet, unread: &Unread<'_>, read: &Redacted) {
        let text: Option<Cow<'_, str>> = match self.text {
            QueryText::Omitted => None,
            QueryText::VerbatimIfParameterised
                if unread.parameterised && read.may_be_verbatim(unread.sql) =>
            {
                Some(bounded(unread.sql))
            }
            QueryText::Redacted | QueryText::VerbatimIfParameterised => Some((&*read.text).into()),
        };
        attributes.clear();
        attributes.extend([
            self.attributes.as_attr(),
            attr(semconv::DB_QUERY_TEXT, text.as_ref()),
            attr(
                semconv::DB_QUERY_SUMMARY,
                Some(&*read.summary).filter(|summary| !unread.has_summary && !summary.is_empty()),
            ),
            attr("db.stored_procedure.name", read.procedure()),
            // of one statement there is no batch
            attr(
                "db.operation.batch.size",
                read.statements.filter(|statements| *statements > 1),
            ),
            attr(
                "db.statement",
                text.as_ref().filter(|_| self.older_names.database),
            ),
        ]);
    }

    /// The span of a statement that took so long and just ended.
    #[cfg(feature = "events")]
    pub(crate) fn ended(&self, sql: &str, elapsed: Duration) -> (Span, bool) {
        let builder = builder("db.query").start_ago(elapsed);
        self.text_span_of(builder, "db.query", sql, false, Notes::default())
    }

    fn start<'v, const N: usize>(
        &self,
        builder: SpanBuilder<'_>,
        attrs: impl FnOnce() -> [Attr<'v>; N],
    ) -> Span {
        if self.only_with_parent {
            let current = Context::current();
            if !current.is_recording() && current.span_context().is_none() {
                return Span::none();
            }
        }
        builder
            .tracer(self.tracer.as_ref())
            .attributes(attrs)
            .start()
    }
}

#[inline]
fn builder(name: &'static str) -> SpanBuilder<'static> {
    SpanBuilder::new(name).kind(Kind::Client).scope(&SCOPE)
}

/// At most 4 KiB, cut between characters.
fn bounded(sql: &str) -> Cow<'_, str> {
    const MAX: usize = 4 * 1024;
    if sql.len() <= MAX {
        return sql.into();
    }
    let mut end = MAX;
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &sql[..end]).into()
}

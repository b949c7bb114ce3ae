//! What a pool's connections and transactions share.

use std::borrow::Cow;

use hopline_core::{
    Kind, Literal, Name, OlderNames, Span, SpanBuilder, SpanNames, Tracer, attr, semconv,
};

use crate::database::{Dialect, Endpoint};
use crate::redact::{Redacted, redact};

/// What is recorded of a statement's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryText {
    /// The text without its values.
    #[default]
    Redacted,
    /// No text; the summary only.
    Omitted,
    /// The text as it is where values are bound, as the semantic conventions would have it; else without its
    /// values. A literal that stands beside bound values is exported. Behind 4 KiB it is cut.
    VerbatimIfParameterised,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) system: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) endpoint: Endpoint,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) names: SpanNames,
    pub(crate) older_names: OlderNames,
    pub(crate) text: QueryText,
}

/// A step that is no statement of the application's: its default name, and the one of the conventions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control(pub(crate) &'static str, pub(crate) &'static str);

impl Control {
    pub(crate) const BEGIN: Self = Self("db.begin", "BEGIN");
    pub(crate) const COMMIT: Self = Self("db.commit", "COMMIT");
    pub(crate) const ROLLBACK: Self = Self("db.rollback", "ROLLBACK");
    pub(crate) const SAVEPOINT: Self = Self("db.savepoint", "SAVEPOINT");
    pub(crate) const RELEASE: Self = Self("db.release", "RELEASE SAVEPOINT");
    pub(crate) const ROLLBACK_TO: Self = Self("db.rollback_to", "ROLLBACK TO SAVEPOINT");
}

impl Settings {
    /// The span of a statement, and whether that changes rows. Its text is read only if the span is recorded.
    pub(crate) fn statement(
        &self,
        name: &'static str,
        sql: &str,
        parameterised: bool,
    ) -> (Span, bool) {
        let span = self.start(name);
        if !span.is_recording() {
            return (span, false);
        }
        let Redacted {
            text,
            summary,
            writes,
        } = redact(sql, self.dialect);
        let verbatim = (self.text == QueryText::VerbatimIfParameterised && parameterised)
            .then(|| bounded(sql));
        let text = (self.text != QueryText::Omitted).then(|| verbatim.as_deref().unwrap_or(&text));
        if self.names == SpanNames::Conventions && !summary.is_empty() {
            span.rename(Name::dynamic(&summary));
        }
        span.set_all(|| {
            [
                attr(semconv::DB_QUERY_TEXT, text),
                attr(semconv::DB_QUERY_SUMMARY, summary.as_str()),
            ]
        });
        if self.older_names.database {
            span.set("db.statement", text);
        }
        (span, writes)
    }

    /// The span of BEGIN, COMMIT and the like.
    pub(crate) fn control(&self, control: Control) -> Span {
        match self.names {
            SpanNames::Hopline => self.start(control.0),
            SpanNames::Conventions => self.start(control.1),
        }
    }

    fn start(&self, name: &'static str) -> Span {
        let Endpoint {
            address,
            port,
            namespace,
        } = &self.endpoint;
        let span = SpanBuilder::new(name)
            .kind(Kind::Client)
            .start(self.tracer.as_ref(), || {
                [
                    attr(semconv::DB_SYSTEM_NAME, Literal(self.system)),
                    attr(semconv::DB_NAMESPACE, namespace.as_deref()),
                    attr(semconv::SERVER_ADDRESS, address.as_deref()),
                    attr(semconv::SERVER_PORT, *port),
                ]
            });
        if self.older_names.database {
            span.set_all(|| {
                [
                    attr("db.system", Literal(self.system)),
                    attr("db.name", namespace.as_deref()),
                ]
            });
        }
        span
    }
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

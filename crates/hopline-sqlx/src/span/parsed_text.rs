//! The text of a statement, raw and parsed into attributes. The statement cache stores the parsed form.
//!
//! | attribute | from | omitted if |
//! |---|---|---|
//! | those of the database | [`Settings::attributes`] | |
//! | `db.query.text`, older `db.statement` | [`recorded_text`] | [`QueryText::Omitted`] |
//! | `db.query.summary` | [`Redacted::summary`] | empty, or set by the application |
//! | `db.stored_procedure.name` | [`Redacted::procedure`] | not a single CALL |
//! | `db.operation.batch.size` | [`Redacted::statements`] | less than two, or unknown |

use std::borrow::Cow;

use hopline_core::{AttrSet, attr, semconv};

use crate::redact::{Lists, Redacted, redact_into};
use crate::settings::{QueryText, Settings};

/// A statement's text, and the facts that select what is recorded of it.
#[derive(Clone, Copy)]
pub(super) struct RawText<'a> {
    /// The text as the application wrote it.
    pub(super) sql: &'a str,
    /// Values are bound.
    pub(super) parameterised: bool,
    /// The application sets the summary.
    pub(super) has_summary: bool,
}

/// The recorded form of a statement's text.
#[derive(Clone, Default)]
pub(super) struct ParsedText {
    /// The attributes of the span, including those of the database.
    pub(super) attributes: AttrSet,
    /// Kept apart from the attributes, to name the span by the conventions.
    pub(super) summary: String,
    /// The statement changes rows.
    pub(super) writes: bool,
}

impl ParsedText {
    /// No text.
    pub(super) const EMPTY: Self = Self {
        attributes: AttrSet::new(),
        summary: String::new(),
        writes: false,
    };

    /// Parses a text, reusing all buffers.
    pub(super) fn fill(
        &mut self,
        raw: &RawText<'_>,
        settings: &Settings,
        redacted: &mut Redacted,
        lists: &mut Lists,
    ) {
        redact_into(redacted, lists, raw.sql, settings.endpoint.dialect);
        self.describe(raw, redacted, settings);
        self.summary.clear();
        self.summary.push_str(&redacted.summary);
        self.writes = redacted.writes;
    }

    /// Sets the attributes.
    fn describe(&mut self, raw: &RawText<'_>, redacted: &Redacted, settings: &Settings) {
        let text = recorded_text(raw, redacted, settings.text);
        let summary = &*redacted.summary;
        self.attributes.clear();
        self.attributes.extend([
            settings.attributes().as_attr(),
            attr(semconv::DB_QUERY_TEXT, text.as_ref()),
            attr(
                semconv::DB_QUERY_SUMMARY,
                Some(summary).filter(|summary| !raw.has_summary && !summary.is_empty()),
            ),
            attr("db.stored_procedure.name", redacted.procedure()),
            // the conventions reserve it for two and more
            attr(
                "db.operation.batch.size",
                redacted.statements.filter(|statements| *statements > 1),
            ),
            attr(
                "db.statement",
                text.as_ref().filter(|_| settings.older_names.database),
            ),
        ]);
    }
}

/// The text that a setting records, if any.
fn recorded_text<'a>(
    raw: &RawText<'a>,
    redacted: &'a Redacted,
    setting: QueryText,
) -> Option<Cow<'a, str>> {
    match setting {
        QueryText::Omitted => None,
        QueryText::VerbatimIfParameterised
            if raw.parameterised && redacted.may_be_verbatim(raw.sql) =>
        {
            Some(bounded(raw.sql))
        }
        QueryText::Redacted | QueryText::VerbatimIfParameterised => Some((&*redacted.text).into()),
    }
}

/// Cuts a text after 4 KiB, at a character boundary.
fn bounded(sql: &str) -> Cow<'_, str> {
    const MAX: usize = 4 * 1024;
    if sql.len() <= MAX {
        return sql.into();
    }
    format!("{}…", &sql[..sql.floor_char_boundary(MAX)]).into()
}

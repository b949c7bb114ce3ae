//! Attributes of a call that the application sets, by [`Annotated`](crate::traced::Annotated).
//!
//! They take precedence over the parsed text: neither operation nor collection is ever derived from a text, since a
//! statement may have several, and a summary of the application replaces the parsed one.

use hopline_core::{Name, Span, attr, semconv};

/// Operation, collection and summary of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes<'a> {
    /// `db.operation.name`.
    pub(crate) operation: Option<&'a str>,
    /// `db.collection.name`.
    pub(crate) collection: Option<&'a str>,
    /// `db.query.summary`.
    pub(crate) summary: Option<&'a str>,
}

impl Notes<'_> {
    /// Records the notes on a span. No effect, and no call of the span, if there are none.
    #[inline]
    pub(super) fn describe(&self, span: &Span) {
        let notes = [self.operation, self.collection, self.summary];
        if notes.iter().any(Option::is_some) {
            span.set_all(|| {
                [
                    attr("db.operation.name", self.operation),
                    attr("db.collection.name", self.collection),
                    attr(semconv::DB_QUERY_SUMMARY, self.summary),
                ]
            });
        }
    }

    /// Names a span by the semantic conventions. The first that is known applies:
    ///
    /// 1. the summary, such as `SELECT orders`;
    /// 2. operation and collection, or one of them;
    /// 3. the product, such as `postgresql`.
    ///
    /// `parsed` is the summary of the text, which applies unless the application sets one.
    pub(super) fn rename(&self, span: &Span, parsed: &str, system: &'static str) {
        let summary = self.summary.unwrap_or(parsed);
        if !summary.is_empty() {
            return span.rename(Name::dynamic(summary));
        }
        match (self.operation, self.collection) {
            (Some(operation), Some(collection)) => {
                span.rename(&format!("{operation} {collection}"));
            }
            (Some(only), None) | (None, Some(only)) => span.rename(Name::dynamic(only)),
            (None, None) => span.rename(system),
        }
    }
}

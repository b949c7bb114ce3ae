//! Attributes of a call that the application sets, by [`Annotated`](crate::traced::Annotated).

use hopline_core::{Name, Span, attr, semconv};

/// Operation, collection and summary of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes<'a> {
    pub(crate) operation: Option<&'a str>,
    pub(crate) collection: Option<&'a str>,
    pub(crate) summary: Option<&'a str>,
}

impl Notes<'_> {
    /// Records the notes on a span.
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

    /// Names a span by the semantic conventions: the summary, else operation and collection, else the product.
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

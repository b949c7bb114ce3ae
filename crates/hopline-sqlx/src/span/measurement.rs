//! The measurement of a statement or step: the timer beside its span, and what its metrics describe.
//!
//! A field of each guard. Without a meter it starts no timer and stays empty.

use std::sync::Arc;

use hopline_core::metrics::{Timer, label};
use hopline_core::{Attr, Span};
use sqlx::Error;

use crate::database::TracedDatabase;
use crate::metrics::{Described, OPERATION_DURATION, RETURNED_ROWS, attributes};
use crate::settings::Settings;
use crate::span::error_class::{ErrorClass, class};
use crate::span::notes::Notes;

/// Operations whose summary has a table as its only target.
const WITH_COLLECTION: [&str; 7] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "COPY",
];

/// A timer, and the facts for its attributes.
pub(crate) struct Measurement {
    timer: Timer,
    /// Present while the timer runs.
    settings: Option<Arc<Settings>>,
    operation: Option<Arc<str>>,
    collection: Option<Arc<str>>,
    failure: Option<Failure>,
}

/// The class of an error.
struct Failure {
    error_type: Arc<str>,
    /// The class is the database's code.
    is_status_code: bool,
}

impl Measurement {
    /// No measurement.
    pub(super) const NONE: Self = Self {
        timer: Timer::STOPPED,
        settings: None,
        operation: None,
        collection: None,
        failure: None,
    };

    /// Starts beside a span, if there is a meter.
    #[inline]
    pub(super) fn start(settings: &Arc<Settings>, span: &Span) -> Self {
        let timer = Timer::start(settings.tracer.as_ref(), span);
        Self {
            settings: timer.is_running().then(|| Arc::clone(settings)),
            timer,
            ..Self::NONE
        }
    }

    /// True if there is a meter.
    #[inline]
    pub(super) fn is_running(&self) -> bool {
        self.timer.is_running()
    }

    /// Describes a step whose operation is known.
    pub(super) fn operation(&mut self, operation: &str) {
        if self.is_running() {
            self.operation = Some(label(operation));
        }
    }

    /// Describes a statement: by the application's notes, else by the summary of its text.
    pub(super) fn describe(&mut self, notes: &Notes<'_>, summary: &str) {
        let (operation, collection) = subject(summary);
        self.operation = notes.operation.or(operation).map(label);
        self.collection = notes.collection.or(collection).map(label);
    }

    /// Marks a span as failed with the error's code or class, and takes it for the metrics.
    pub(super) fn fail_with<DB: TracedDatabase>(&mut self, span: &Span, error: &Error) {
        if (span.is_recording() || self.is_running())
            && let Some(class) = class::<DB>(error)
        {
            class.record(span);
            self.fail(&class);
        }
    }

    /// Takes the class of an error.
    pub(super) fn fail(&mut self, class: &ErrorClass<'_>) {
        if self.is_running() {
            self.failure = Some(Failure {
                error_type: label(class.error_type()),
                is_status_code: class.is_status_code(),
            });
        }
    }

    /// Ends the span with its last attributes, and reports. `rows` is the number of rows of a complete result.
    pub(super) fn stop<'v, A: AsRef<[Attr<'v>]>>(
        self,
        span: Span,
        attrs: impl FnOnce() -> A,
        rows: Option<u64>,
    ) {
        let Self {
            timer,
            settings,
            operation,
            collection,
            failure,
        } = self;
        timer.stop_with(span, attrs, |report| {
            let Some(settings) = &settings else {
                return;
            };
            let error_type = failure.as_ref().map(|failure| &*failure.error_type);
            let described = Described {
                operation: operation.as_deref(),
                collection: collection.as_deref(),
                status_code: error_type
                    .filter(|_| failure.as_ref().is_some_and(|it| it.is_status_code)),
                error_type,
            };
            let attributes = attributes(&settings.endpoint, described);
            report.value(&OPERATION_DURATION, report.seconds(), &attributes);
            if let Some(rows) = rows.filter(|_| failure.is_none()) {
                report.value(&RETURNED_ROWS, rows as f64, &attributes);
            }
        });
    }
}

/// The operation of a summary, and its table if that is the only target: `SELECT orders`, but not `SELECT orders items`.
///
/// Operations are in capitals, whichever case the text has.
fn subject(summary: &str) -> (Option<&str>, Option<&str>) {
    let (operation, target) = match summary.split_once(' ') {
        Some((operation, target)) => (operation, Some(target)),
        None => (summary, None),
    };
    let known = WITH_COLLECTION
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(operation));
    let collection = target.filter(|target| known.is_some() && !target.contains(' '));
    (
        known.or(Some(operation).filter(|operation| !operation.is_empty())),
        collection,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_with_one_table_has_a_collection() {
        for (summary, operation, collection) in [
            ("SELECT orders", Some("SELECT"), Some("orders")),
            ("select orders", Some("SELECT"), Some("orders")),
            ("SELECT orders items", Some("SELECT"), None),
            ("INSERT orders SELECT items", Some("INSERT"), None),
            ("CREATE TABLE orders", Some("CREATE"), None),
            ("CALL refund", Some("CALL"), None),
            ("SELECT", Some("SELECT"), None),
            ("", None, None),
        ] {
            assert_eq!(subject(summary), (operation, collection), "{summary}");
        }
    }
}

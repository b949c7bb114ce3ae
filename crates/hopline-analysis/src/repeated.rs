//! Statements that one span sends repeatedly (N+1).

use std::collections::HashMap;
use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId, semconv, text::shown};

use crate::NAME;
use crate::percentile::duration;
use crate::trace::{Trace, traces};

/// A statement that one span sent several times, which one statement with all values could replace. Prints as a sentence.
///
/// # Examples
///
/// ```
/// # use hopline_core::export::SpanData;
/// # use hopline_core::{SpanId, TraceId};
/// # let trace = TraceId::from_u128(1).unwrap();
/// # let mut spans = vec![SpanData::new("GET /orders", trace, SpanId::from_u64(1).unwrap())];
/// # for line in 2..5 {
/// #     let mut query = SpanData::new("db.query", trace, SpanId::from_u64(line).unwrap());
/// #     query.parent = SpanId::from_u64(1);
/// #     query.attributes.push(("db.query.summary".into(), "SELECT lines".into()));
/// #     spans.push(query);
/// # }
/// let repeated = &hopline_analysis::repeated_statements(&spans, 3)[0];
/// assert!(repeated.to_string().contains("it sent `SELECT lines` 3 times"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeated {
    /// The service and the name of the span that sent it.
    pub parent: (String, String),
    /// The trace and the span that sent it.
    pub ids: (TraceId, SpanId),
    /// The statement's summary, or its text where there is none.
    pub statement: String,
    /// Number of times it was sent.
    pub count: usize,
    /// Time that it took in total, in nanoseconds; overlapping times count once.
    pub nanos: u64,
}

/// Finds statements that one span sent `at_least` times, the ones with the longest total time first.
///
/// Statements are equal if their redacted texts are, so values do not matter. Only statements that the span sent itself
/// count, not those of its children; and only those with a text or a summary, which BEGIN and COMMIT do not have.
///
/// # Examples
///
/// ```
/// use hopline_analysis::repeated_statements;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let trace = TraceId::from_u128(1).unwrap();
/// let mut spans = vec![SpanData::new("GET /orders", trace, SpanId::from_u64(1).unwrap())];
/// for line in 2..7 {
///     let mut query = SpanData::new("db.query", trace, SpanId::from_u64(line).unwrap());
///     query.parent = SpanId::from_u64(1);
///     query.attributes.push(("db.query.text".into(), "SELECT * FROM lines WHERE order_id = $1".into()));
///     spans.push(query);
/// }
/// let found = repeated_statements(&spans, 5);
/// assert_eq!((found.len(), found[0].count), (1, 5));
/// ```
pub fn repeated_statements(spans: &[SpanData], at_least: usize) -> Vec<Repeated> {
    repeated_in(&traces(spans), at_least)
}

/// The same for traces that are grouped already.
pub(crate) fn repeated_in(traces: &[Trace<'_>], at_least: usize) -> Vec<Repeated> {
    let mut found = Vec::new();
    for trace in traces {
        let spans = trace.spans();
        for (index, parent) in spans.iter().enumerate() {
            let mut by_statement: HashMap<&str, Vec<&SpanData>> = HashMap::new();
            for child in trace.children(index).iter().map(|child| spans[*child]) {
                if let Some(statement) = statement(child) {
                    by_statement.entry(statement).or_default().push(child);
                }
            }
            let often = by_statement
                .into_values()
                .filter(|sent| sent.len() >= at_least.max(2));
            found.extend(often.map(|sent| Repeated::new(parent, &sent)));
        }
    }
    found.sort_by(|a, b| (b.nanos, &a.statement, a.ids).cmp(&(a.nanos, &b.statement, b.ids)));
    found
}

impl Repeated {
    /// From at least one span, sorted by start.
    fn new(parent: &SpanData, sent: &[&SpanData]) -> Self {
        let (mut nanos, mut until) = (0, 0);
        for span in sent {
            let start = span.start_unix_nanos.max(until);
            nanos += span.end_unix_nanos.saturating_sub(start);
            until = until.max(span.end_unix_nanos);
        }
        let name = sent.first().and_then(|first| {
            first
                .text(semconv::DB_QUERY_SUMMARY)
                .or_else(|| first.text(semconv::DB_QUERY_TEXT))
        });
        Self {
            parent: (parent.service().to_owned(), parent.name.clone()),
            ids: (parent.trace_id, parent.span_id),
            statement: name.unwrap_or_default().to_owned(),
            count: sent.len(),
            nanos,
        }
    }

    /// The reason, as a sentence about the span that sent it.
    pub(crate) fn reason(&self) -> String {
        format!(
            "it sent `{}` {} times, {} in all: one statement with all values would do",
            shown(&self.statement, NAME),
            self.count,
            duration(self.nanos)
        )
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, name) = &self.parent;
        let (trace, span) = self.ids;
        let reason = self.reason();
        write!(
            f,
            "`{}` of {} (trace {trace}, span {span}): {reason}",
            shown(name, NAME),
            shown(service, NAME)
        )
    }
}

/// The text by which statements are compared.
fn statement(span: &SpanData) -> Option<&str> {
    span.text(semconv::DB_QUERY_TEXT)
        .or_else(|| span.text(semconv::DB_QUERY_SUMMARY))
        .filter(|statement| !statement.is_empty())
}

//! The self-check: rules that hold for correct traces, and a report of the spans that break them.
//!
//! Examples and tests of whole systems call it, to find broken context, missing attributes and leaked secrets. One
//! rule is one function in `rules.rs`.

mod report;
mod rules;

use hopline_core::export::SpanData;

pub use report::{Check, Finding, Report};

use crate::trace::traces;

/// The facts about a system that spans are checked against, in addition to the rules for any system.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{Expectations, self_check};
///
/// let expected = Expectations::new().requests(0).attribute("tenant_id");
/// assert!(self_check(&[], &expected).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    requests: Option<usize>,
    attributes: Vec<String>,
    max_spans: usize,
    max_repeats: usize,
    database: Vec<String>,
    queue: Vec<String>,
}

impl Expectations {
    /// No facts: only the rules for any system.
    pub fn new() -> Self {
        Self {
            requests: None,
            attributes: Vec::new(),
            max_spans: 50,
            max_repeats: 20,
            database: Vec::new(),
            queue: Vec::new(),
        }
    }

    /// Expects exactly `count` traces, one for each request that was sent.
    #[must_use]
    pub fn requests(mut self, count: usize) -> Self {
        self.requests = Some(count);
        self
    }

    /// Expects this attribute on every span.
    #[must_use]
    pub fn attribute(mut self, key: &str) -> Self {
        self.attributes.push(key.to_owned());
        self
    }

    /// Sets the number of spans from which a trace counts as noisy. Defaults to 50.
    #[must_use]
    pub fn max_spans(mut self, spans: usize) -> Self {
        self.max_spans = spans;
        self
    }

    /// Sets the number of times that one span may send the same statement. Defaults to 20. See
    /// [`repeated_statements`](crate::repeated_statements).
    #[must_use]
    pub fn max_repeats(mut self, times: usize) -> Self {
        self.max_repeats = times;
        self
    }

    /// Expects database spans in each trace whose root has this name and did not fail.
    #[must_use]
    pub fn database_in(mut self, root: &str) -> Self {
        self.database.push(root.to_owned());
        self
    }

    /// Expects a message published and processed in each trace whose root has this name and did not fail.
    #[must_use]
    pub fn queue_in(mut self, root: &str) -> Self {
        self.queue.push(root.to_owned());
        self
    }
}

impl Default for Expectations {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks that traces are complete and consistent. Each finding names the span and the reason.
///
/// | check | fails for |
/// |---|---|
/// | one root per request | a trace with several roots, or none |
/// | parents present | a span whose parent was not received |
/// | context carried | a server span that is not the child of the call that was made, a consumer without a link |
/// | one trace per request | another number of traces than [`Expectations::requests`] |
/// | database, queue | spans without their attributes, roots without the expected work |
/// | errors marked | a failed status code without an error, an error without `error.type` |
/// | times fit | a negative duration, a child outside its parent |
/// | secrets | a value that looks like a token, a password, a card number or an e-mail address |
/// | noise | more spans than [`Expectations::max_spans`], more repeats than [`Expectations::max_repeats`] |
/// | attributes | a span without an expected attribute |
///
/// # Examples
///
/// ```
/// use hopline_analysis::{Expectations, self_check};
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut orphan = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// orphan.parent = SpanId::from_u64(7);
/// let report = self_check(&[orphan], &Expectations::new());
/// assert!(!report.is_ok());
/// assert!(report.findings().any(|finding| finding.reason == "its parent 0000000000000007 was not received"));
/// ```
pub fn self_check(spans: &[SpanData], expected: &Expectations) -> Report {
    let traces = traces(spans);
    Report {
        checks: vec![
            rules::one_root(&traces),
            rules::parents_present(&traces),
            rules::context_carried(&traces),
            rules::one_trace_per_request(&traces, expected.requests),
            rules::database_work(&traces, &expected.database),
            rules::queue_work(&traces, &expected.queue),
            rules::errors_marked(&traces),
            rules::times_fit(&traces),
            rules::no_secrets(&traces),
            rules::not_noisy(&traces, expected.max_spans),
            rules::not_repeated(&traces, expected.max_repeats),
            rules::attributes_present(&traces, &expected.attributes),
        ],
    }
}

//! Whether the tracing itself is right.

mod report;
mod rules;

use hopline_core::export::SpanData;

pub use report::{Check, Finding, Report};

use crate::trace::traces;

/// What spans are checked against.
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
    /// Expects what holds for any system.
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

    /// Expects as many traces as requests were sent.
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

    /// Spans that one trace may have before it counts as noisy; 50 if not said.
    #[must_use]
    pub fn max_spans(mut self, spans: usize) -> Self {
        self.max_spans = spans;
        self
    }

    /// How often one span may send the same statement; 20 if not said. See
    /// [`repeated_statements`](crate::repeated_statements).
    #[must_use]
    pub fn max_repeats(mut self, times: usize) -> Self {
        self.max_repeats = times;
        self
    }

    /// Expects database work in each trace whose root has this name.
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

/// Checks that traces are whole and true: what was received of each of them, against what must hold.
///
/// Each failure names the span and the reason.
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

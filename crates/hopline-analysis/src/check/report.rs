//! The report of a self-check: verdicts and findings, and their text.
//!
//! `self_check` returns it; programs print it and exit by [`Report::is_ok`].

use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId, text::shown};

use crate::repeated::Repeated;
use crate::{NAME, SENTENCE};

/// The verdicts of a self-check. Prints a line for each check, and one for each finding.
///
/// ```text
/// ✓ one root per request (12 traces)
/// ✗ every parent is present (30 spans with a parent)
///     `db.query` of orders (trace 4bf9…, span 00f0…): its parent 5fb3… was not received
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// All checks, in a fixed order.
    pub checks: Vec<Check>,
}

/// One rule, and the spans that break it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The rule, as a sentence.
    pub name: &'static str,
    /// The number of traces or spans it was checked on.
    pub seen: String,
    /// The violations.
    pub findings: Vec<Finding>,
}

/// A violation of a rule. Prints as a sentence with the span's name, service and ids.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{Expectations, self_check};
///
/// let report = self_check(&[], &Expectations::new().requests(1));
/// let finding = report.findings().next().unwrap();
/// assert_eq!(finding.span, None); // about no single span
/// assert_eq!(finding.to_string(), "1 requests made 0 traces");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The span that breaks the rule, if it is one: its service, name and ids.
    pub span: Option<(String, String, TraceId, SpanId)>,
    /// The reason, as a sentence about the span.
    pub reason: String,
}

impl Report {
    /// True if there is no finding.
    pub fn is_ok(&self) -> bool {
        self.findings().next().is_none()
    }

    /// The findings of all checks.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().flat_map(|check| &check.findings)
    }
}

impl Finding {
    /// A finding about this span.
    pub(crate) fn of(span: &SpanData, reason: impl Into<String>) -> Self {
        let span = (
            span.service().to_owned(),
            span.name.clone(),
            span.trace_id,
            span.span_id,
        );
        Self {
            span: Some(span),
            reason: reason.into(),
        }
    }

    /// A finding about a span that repeats a statement.
    pub(crate) fn repeated(repeated: &Repeated) -> Self {
        let (service, name) = repeated.parent.clone();
        let (trace, span) = repeated.ids;
        Self {
            span: Some((service, name, trace, span)),
            reason: repeated.reason(),
        }
    }

    /// A finding about no single span.
    pub(crate) fn general(reason: impl Into<String>) -> Self {
        Self {
            span: None,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((service, name, trace, span)) = &self.span {
            let (name, service) = (shown(name, NAME), shown(service, NAME));
            write!(f, "`{name}` of {service} (trace {trace}, span {span}): ")?;
        }
        shown(&self.reason, SENTENCE).fmt(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = if check.findings.is_empty() {
                '✓'
            } else {
                '✗'
            };
            writeln!(
                f,
                "{mark} {} ({})",
                check.name,
                shown(&check.seen, SENTENCE)
            )?;
            for finding in &check.findings {
                writeln!(f, "    {finding}")?;
            }
        }
        Ok(())
    }
}

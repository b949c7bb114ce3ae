//! What a self-check found.

use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId, text::shown};

use crate::repeated::Repeated;
use crate::{NAME, SENTENCE};

/// The verdicts of a self-check. Prints a line for each, and one for each finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In a fixed order.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What must hold.
    pub name: &'static str,
    /// What it was checked on.
    pub seen: String,
    /// Where it does not hold.
    pub findings: Vec<Finding>,
}

/// Where something does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The span, if it is one span's fault: its service, name and ids.
    pub span: Option<(String, String, TraceId, SpanId)>,
    /// What is wrong.
    pub reason: String,
}

impl Report {
    /// True if nothing was found.
    pub fn is_ok(&self) -> bool {
        self.findings().next().is_none()
    }

    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().flat_map(|check| &check.findings)
    }
}

impl Finding {
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

    pub(crate) fn repeated(repeated: &Repeated) -> Self {
        let (service, name) = repeated.parent.clone();
        let (trace, span) = repeated.ids;
        Self {
            span: Some((service, name, trace, span)),
            reason: repeated.reason(),
        }
    }

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

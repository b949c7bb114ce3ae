//! Prints sampling plans as they parse.

use std::fmt;
use std::time::Duration;

use crate::kind::SpanKind;
use crate::sampling::keep::{KeepRate, KeepSlower};
use crate::sampling::parents::{OnParent, ParentBranch};
use crate::sampling::plan::SamplingPlan;
use crate::sampling::probability::Probability;
use crate::sampling::rule::SamplingRule;

/// Prints the text that parses to the same plan.
impl fmt::Display for SamplingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            write!(f, "{rule}; ")?;
        }
        write!(f, "* {}", self.others)?;
        if self.parents.are_all(OnParent::Ignore) {
            f.write_str("; ignore parents")?;
        } else if self.parents.are_all(OnParent::Resample) {
            f.write_str("; resample parents")?;
        } else {
            for branch in ParentBranch::EACH {
                match self.parents.on(branch) {
                    OnParent::Follow => {}
                    OnParent::Ignore => write!(f, "; {} parents ignore", branch.words())?,
                    OnParent::Resample => write!(f, "; {} parents resample", branch.words())?,
                    OnParent::Probability(probability) => {
                        write!(f, "; {} parents {probability}", branch.words())?
                    }
                }
            }
        }
        if let Some(budget) = self.budget {
            write!(f, "; budget {budget}/s")?;
        }
        if let Some(rate) = self.keep.errors {
            write!(f, "; keep errors{rate}")?;
        }
        if let Some(slower) = self.keep.slower {
            write!(f, "; {slower}")?;
        }
        if self.keep.forced {
            f.write_str("; keep forced")?;
        }
        if self.keep.local_roots_only {
            f.write_str("; local roots only")?;
        }
        Ok(())
    }
}

/// Prints the rate behind a keep rule.
impl fmt::Display for KeepRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All | Self::WithinBudget(_) => Ok(()),
            Self::PerSecond(rate) => write!(f, " {rate}/s"),
        }
    }
}

impl fmt::Display for KeepSlower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keep slower {}{}", Shortest(self.limit), self.rate)
    }
}

/// Prints the conditions, then the probability.
impl fmt::Display for SamplingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "kind {} ", kind_word(kind))?;
        }
        if let Some(name) = &self.name {
            write!(f, "name {} ", Word(name))?;
        }
        if let Some(destination) = &self.destination {
            write!(f, "destination {} ", Word(destination))?;
        }
        match &self.method {
            Some(method) if is_bare_method(method) => write!(f, "{method} ")?,
            Some(method) => write!(f, "method {} ", Word(method))?,
            None => {}
        }
        match &self.path {
            Some(path) if path.starts_with('/') && is_bare(path) => write!(f, "{path} ")?,
            Some(path) => write!(f, "path {} ", Word(path))?,
            None if self.is_unconditional() => f.write_str("any ")?,
            None => {}
        }
        self.probability.fmt(f)
    }
}

impl SamplingRule {
    fn is_unconditional(&self) -> bool {
        self.kind.is_none()
            && self.name.is_none()
            && self.destination.is_none()
            && self.method.is_none()
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Never => f.write_str("never"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

pub(crate) const KINDS: [(&str, SpanKind); 5] = [
    ("internal", SpanKind::Internal),
    ("server", SpanKind::Server),
    ("client", SpanKind::Client),
    ("producer", SpanKind::Producer),
    ("consumer", SpanKind::Consumer),
];

fn kind_word(kind: SpanKind) -> &'static str {
    let word = KINDS.iter().find(|(_, known)| *known == kind);
    word.map_or("internal", |(word, _)| word)
}

/// True for upper-case letters: a method that needs no word `method`, since keywords are lower case.
pub(crate) fn is_bare_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// True for a word that needs no quotes.
fn is_bare(word: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, ';' | '"');
    !word.is_empty() && word.chars().all(plain)
}

struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_bare(self.0) {
            return f.write_str(self.0);
        }
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{escaped}\"")
    }
}

/// The units of time, the largest first, in nanoseconds.
pub(crate) const TIME_UNITS: [(&str, u128); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Prints a time in the largest unit without a fraction.
struct Shortest(Duration);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let mut units = TIME_UNITS.into_iter();
        let fitting = units.find(|(_, size)| nanos.is_multiple_of(*size));
        let (unit, size) = fitting.unwrap_or(("ns", 1));
        write!(f, "{}{unit}", nanos / size)
    }
}

//! The language of `hopline assert`.
//! `assert` parses each argument into an `Assertion` and checks it against the traces of a file.
//!
//! ```text
//! SPAN has [not] SPAN            SPAN duration < 200ms       SPAN attribute KEY[=VALUE]
//! SPAN count SPAN <= 5           SPAN status ok|error|404    SPAN is NAME, NAME@SERVICE or "NAME"@SERVICE
//! ```
//!
//! A claim about other spans counts those below the subject at any depth. `*` in a name is any text.

use std::fmt;
use std::str::FromStr;

use hopline_analysis::{Trace, describe};
use hopline_core::export::SpanData;
use hopline_view::search::{glob, parse_nanos};

/// An assertion about each span that a pattern matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assertion {
    /// As written, for the output.
    text: String,
    /// The spans that the claim is about.
    subject: Pattern,
    /// The condition that each of them has to satisfy.
    claim: Claim,
}

/// A condition on one span.
#[derive(Clone, Debug, PartialEq)]
enum Claim {
    /// At least one span below it matches.
    Has(Pattern),
    /// No span below it matches.
    HasNot(Pattern),
    /// The number of matching spans below it compares so with the bound.
    Count(Pattern, Comparison, u64),
    /// Its duration compares so with the bound, in nanoseconds.
    Duration(Comparison, u64),
    /// It did not fail.
    Ok,
    /// It failed.
    Error,
    /// Its HTTP or gRPC status code has this value.
    Status(i64),
    /// It has the attribute; with this value, if there is one.
    Attribute(String, Option<String>),
}

/// A name or label with `*` for any text, and a service.
#[derive(Clone, Debug, PartialEq)]
struct Pattern {
    name: String,
    service: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Words that end the subject.
const VERBS: [&str; 5] = ["has", "count", "duration", "status", "attribute"];

impl FromStr for Assertion {
    type Err = String;

    /// The subject ends at the first verb, or at the end of its quotes.
    fn from_str(text: &str) -> Result<Self, String> {
        let (subject, verb, rest) = split(text).ok_or_else(|| {
            format!(
                "expected SPAN and one of {} in `{text}`; put a name with such a word into quotes",
                VERBS.join(", ")
            )
        })?;
        let claim =
            match verb {
                "has" => match rest.strip_prefix("not ") {
                    Some(rest) => Claim::HasNot(Pattern::new(rest)?),
                    None => Claim::Has(Pattern::new(rest)?),
                },
                "count" => {
                    let (pattern, comparison, number) = compared(rest)?;
                    let number = number
                        .parse()
                        .map_err(|_| format!("not a number: `{number}`"))?;
                    Claim::Count(Pattern::new(pattern)?, comparison, number)
                }
                "duration" => {
                    let (_, comparison, time) = compared(rest)?;
                    Claim::Duration(comparison, parse_nanos(time)?)
                }
                "status" => match rest {
                    "ok" => Claim::Ok,
                    "error" => Claim::Error,
                    code => Claim::Status(code.parse().map_err(|_| {
                        format!("not a status: `{code}`; write ok, error or a code")
                    })?),
                },
                _ => match rest.split_once('=') {
                    Some((key, value)) => {
                        Claim::Attribute(key.trim().to_owned(), Some(value.trim().to_owned()))
                    }
                    None => Claim::Attribute(rest.to_owned(), None),
                },
            };
        Ok(Self {
            text: text.to_owned(),
            subject: Pattern::new(subject)?,
            claim,
        })
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits into the subject, the verb and the rest.
///
/// A verb counts only between spaces, so a name such as `recount` does not end the subject. Returns `None` without one.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim();
    let from = match text.strip_prefix('"') {
        Some(inside) => inside.find('"')? + 2,
        None => 0,
    };
    let verb = |(at, _): (usize, char)| {
        let rest = text.get(at + 1..)?;
        let verb = VERBS.iter().find(|verb| {
            rest.strip_prefix(**verb)
                .is_some_and(|after| after.starts_with(' '))
        })?;
        Some((text[..at].trim(), *verb, rest[verb.len()..].trim()))
    };
    let spaces = text[from..].char_indices().filter(|(_, c)| *c == ' ');
    spaces
        .map(|(at, c)| (from + at, c))
        .find_map(verb)
        .filter(|(subject, _, rest)| !subject.is_empty() && !rest.is_empty())
}

/// Splits at the comparison: the text before it, the comparison, and the bound.
///
/// The operator is the first of the last occurrences, so that `<=` is not read as `=`.
///
/// # Errors
///
/// Returns an error if there is no comparison.
fn compared(text: &str) -> Result<(&str, Comparison, &str), String> {
    use Comparison::{AtLeast, AtMost, Equal, Less, More, NotEqual};
    let operators = [
        ("<=", AtMost),
        (">=", AtLeast),
        ("!=", NotEqual),
        ("<", Less),
        (">", More),
        ("=", Equal),
    ];
    let found = operators
        .iter()
        .filter_map(|(sign, comparison)| Some((text.rfind(sign)?, *sign, *comparison)));
    // `<=` has `=` in it: the one that starts first is meant
    let (at, sign, comparison) = found
        .min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())))
        .ok_or_else(|| format!("expected one of = != < <= > >= in `{text}`"))?;
    Ok((
        text[..at].trim(),
        comparison,
        text[at + sign.len()..].trim(),
    ))
}

impl Comparison {
    /// Returns true if `value` compares so with `bound`.
    fn holds(self, value: u64, bound: u64) -> bool {
        match self {
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::More => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl Pattern {
    /// Parses `NAME`, `NAME@SERVICE` or `"NAME"@SERVICE`; quotes permit `@` and verbs in a name.
    fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, service) = match text.strip_prefix('"') {
            Some(inside) => {
                let (name, after) = inside.split_once('"').ok_or("a quotation is not closed")?;
                (name, after.strip_prefix('@'))
            }
            None => match text.rsplit_once('@') {
                Some((name, service)) => (name, Some(service)),
                None => (text, None),
            },
        };
        if name.is_empty() {
            return Err("a span has no name; write `*` for any".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            service: service.map(str::to_owned),
        })
    }

    /// Returns true if the service matches, and the name or the label does.
    fn matches(&self, span: &SpanData) -> bool {
        let is_of_service = self
            .service
            .as_ref()
            .is_none_or(|service| glob(service, span.service()));
        is_of_service && (glob(&self.name, &span.name) || glob(&self.name, &describe::label(span)))
    }
}

/// The outcome of an assertion.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It holds for this number of spans.
    Holds(usize),
    /// No span matches the subject.
    NoSubject,
    /// The first span for which it does not hold: the index of its trace, and the reason.
    Fails(usize, String),
}

impl Assertion {
    /// Checks the claim for each matching span, in order, and stops at the first failure.
    pub(crate) fn check(&self, traces: &[Trace<'_>]) -> Outcome {
        let mut count = 0;
        for (at, trace) in traces.iter().enumerate() {
            for (index, span) in trace
                .spans()
                .iter()
                .enumerate()
                .filter(|(_, span)| self.subject.matches(span))
            {
                count += 1;
                if let Err(reason) = self.claim.check(trace, index, span) {
                    return Outcome::Fails(
                        at,
                        format!("{} (span {}) {reason}", describe::label(span), span.span_id),
                    );
                }
            }
        }
        if count == 0 {
            Outcome::NoSubject
        } else {
            Outcome::Holds(count)
        }
    }
}

impl Claim {
    /// # Errors
    ///
    /// Returns the reason, as a predicate for the span: "took 312.000 ms".
    fn check(&self, trace: &Trace<'_>, index: usize, span: &SpanData) -> Result<(), String> {
        let (holds, reason) = match self {
            Self::Has(pattern) => (
                below(trace, index, pattern) > 0,
                "has no such span below it".to_owned(),
            ),
            Self::HasNot(pattern) => {
                let count = below(trace, index, pattern);
                (count == 0, format!("has {count} such spans below it"))
            }
            Self::Count(pattern, comparison, bound) => {
                let count = below(trace, index, pattern);
                (
                    comparison.holds(count, *bound),
                    format!("has {count} such spans below it"),
                )
            }
            Self::Duration(comparison, bound) => {
                let nanos = span.duration_nanos();
                (
                    comparison.holds(nanos, *bound),
                    format!("took {:.3} ms", nanos as f64 / 1e6),
                )
            }
            Self::Ok => (!span.is_error(), "failed".to_owned()),
            Self::Error => (span.is_error(), "did not fail".to_owned()),
            Self::Status(code) => {
                let found = describe::status_code(span);
                let text = found.map_or_else(
                    || "has no status code".to_owned(),
                    |found| format!("has status {found}"),
                );
                (found == Some(*code), text)
            }
            Self::Attribute(key, value) => match (span.attribute(key), value) {
                (None, _) => (false, format!("has no attribute {key}")),
                (Some(_), None) => (true, String::new()),
                (Some(found), Some(wanted)) => {
                    let found = found.to_string();
                    (glob(wanted, &found), format!("has {key}={found}"))
                }
            },
        };
        if holds { Ok(()) } else { Err(reason) }
    }
}

/// The number of spans below this one that match.
fn below(trace: &Trace<'_>, index: usize, pattern: &Pattern) -> u64 {
    let mut count = 0;
    let mut stack = trace.children(index).to_vec();
    while let Some(index) = stack.pop() {
        count += u64::from(pattern.matches(trace.spans()[index]));
        stack.extend(trace.children(index));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Claim) {
        let assertion: Assertion = text.parse().unwrap();
        (assertion.subject.name, assertion.claim)
    }

    fn pattern(name: &str) -> Pattern {
        Pattern::new(name).unwrap()
    }

    #[test]
    fn assertions_are_read_as_documented() {
        let root = || "POST /checkout".to_owned();
        for (text, claim) in [
            (
                "POST /checkout has db.query",
                Claim::Has(pattern("db.query")),
            ),
            (
                "POST /checkout has not redis*@cache",
                Claim::HasNot(pattern("redis*@cache")),
            ),
            (
                "POST /checkout count db.query <= 3",
                Claim::Count(pattern("db.query"), Comparison::AtMost, 3),
            ),
            (
                "POST /checkout duration < 1.5s",
                Claim::Duration(Comparison::Less, 1_500_000_000),
            ),
            ("POST /checkout status ok", Claim::Ok),
            ("POST /checkout status 201", Claim::Status(201)),
            (
                "POST /checkout attribute tenant_id",
                Claim::Attribute("tenant_id".into(), None),
            ),
            (
                "POST /checkout attribute a = b=c",
                Claim::Attribute("a".into(), Some("b=c".into())),
            ),
        ] {
            assert_eq!(parsed(text), (root(), claim), "{text}");
        }
        assert_eq!(parsed("\"job has work\" status error").0, "job has work");
    }

    #[test]
    fn what_is_not_an_assertion_is_refused() {
        for text in [
            "",
            "GET /",
            "has x",
            "GET / has",
            "a count b",
            "a count b < x",
            "a duration < 5",
            "a status fine",
            "\"a has b",
        ] {
            assert!(text.parse::<Assertion>().is_err(), "{text}");
        }
    }
}

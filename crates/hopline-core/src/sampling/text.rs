//! The parser of sampling plans.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use crate::sampling::keep::{KeepRate, KeepSlower};
use crate::sampling::parents::{OnParent, ParentBranch};
use crate::sampling::plan::SamplingPlan;
use crate::sampling::print::{KINDS, TIME_UNITS, is_bare_method};
use crate::sampling::probability::Probability;
use crate::sampling::rule::SamplingRule;

impl FromStr for SamplingPlan {
    type Err = ParsePlanError;

    /// Parses clauses separated by semicolons. Empty ones are skipped.
    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        let mut plan = Self::new();
        for clause in clauses(text)? {
            plan.clause(&clause)?;
        }
        Ok(plan)
    }
}

const CLAUSES: &str = "expected `METHOD /path 10%`, `kind …`, `name …`, `destination …`, `* 10%`, `budget …`, \
    `keep …`, `local roots only`, `ignore parents` or `resample parents`";

impl SamplingPlan {
    fn clause(&mut self, words: &[Word<'_>]) -> Result<(), ParsePlanError> {
        let [first, rest @ ..] = words else {
            return Ok(());
        };
        match first.bare() {
            Some("keep") => self.keep_clause(first, rest),
            Some("budget") => {
                let rate = first.one(rest, "expected a rate such as 200/s behind it")?;
                self.budget = Some(rate.per_second()?);
                Ok(())
            }
            Some("*") => {
                let probability = first.one(rest, "expected a percentage such as 10% behind it")?;
                self.others = probability.probability()?;
                Ok(())
            }
            Some(what @ ("ignore" | "resample")) => {
                let parents = first.one(rest, "expected `parents` behind it")?;
                parents.must_be("parents", "expected `parents`")?;
                self.parents.set_all(match what {
                    "ignore" => OnParent::Ignore,
                    _ => OnParent::Resample,
                });
                Ok(())
            }
            Some("local")
                if rest
                    .first()
                    .is_some_and(|word| word.bare() == Some("roots")) =>
            {
                let only = rest[0].one(&rest[1..], "expected `local roots only`")?;
                only.must_be("only", "expected `only`")?;
                self.keep.local_roots_only = true;
                Ok(())
            }
            Some("remote" | "local" | "sampled" | "unsampled" | "parents") => {
                self.parents_clause(words)
            }
            _ => self.rule_clause(words),
        }
    }

    fn keep_clause(&mut self, keep: &Word<'_>, rest: &[Word<'_>]) -> Result<(), ParsePlanError> {
        const WHAT: &str = "expected `errors`, `slower` or `forced`";
        let [what, rest @ ..] = rest else {
            return Err(keep.error("expected `keep errors`, `keep slower 500ms` or `keep forced`"));
        };
        match (what.bare(), rest) {
            (Some("errors"), rate) => self.keep.errors = Some(keep_rate(rate)?),
            (Some("slower"), [limit, rate @ ..]) => {
                let limit = limit.duration()?;
                let rate = keep_rate(rate)?;
                self.keep.slower = Some(KeepSlower { limit, rate });
            }
            (Some("slower"), []) => {
                return Err(what.error("expected a time such as 500ms behind it"));
            }
            (Some("forced"), []) => self.keep.forced = true,
            (Some("forced"), [extra, ..]) => return Err(extra.error("expected `;`")),
            _ => return Err(what.error(WHAT)),
        }
        Ok(())
    }

    /// `[remote|local] [sampled|unsampled] parents PERCENT|follow|ignore|resample`
    fn parents_clause(&mut self, words: &[Word<'_>]) -> Result<(), ParsePlanError> {
        let mut rest = words;
        let mut next = |options: [&'static str; 2]| {
            let [word, tail @ ..] = rest else { return None };
            let found = options
                .into_iter()
                .find(|option| word.bare() == Some(*option));
            rest = if found.is_some() { tail } else { rest };
            found
        };
        let (scope, decision) = (next(["remote", "local"]), next(["sampled", "unsampled"]));
        let parents = words.len() - rest.len();
        let Some((parents, rest)) = words[parents..].split_first() else {
            return Err(words[parents - 1].error("expected `parents` behind it"));
        };
        parents.must_be("parents", "expected `parents`")?;
        let what = parents.one(
            rest,
            "expected a percentage, `follow`, `ignore` or `resample` behind it",
        )?;
        let on = match what.bare() {
            Some("follow") => OnParent::Follow,
            Some("ignore") => OnParent::Ignore,
            Some("resample") => OnParent::Resample,
            _ => match what.probability()? {
                Probability::Always | Probability::Never => {
                    return Err(
                        what.error("expected a percentage, `follow`, `ignore` or `resample`")
                    );
                }
                probability => OnParent::Probability(probability),
            },
        };
        for branch in ParentBranch::EACH {
            let mut words = branch.words().split(' ');
            let meant = scope.is_none_or(|scope| words.next() == Some(scope))
                && decision
                    .is_none_or(|decision| branch.words().ends_with(&format!(" {decision}")));
            if meant {
                self.parents.set(branch, on);
            }
        }
        Ok(())
    }

    fn rule_clause(&mut self, words: &[Word<'_>]) -> Result<(), ParsePlanError> {
        let mut rule = SamplingRule::from_probability(Probability::ALL);
        let mut rest = words;
        let mut conditions = 0;
        while let [word, tail @ ..] = rest {
            let value = |expected| tail.first().ok_or_else(|| word.error(expected));
            let mut taken = 2;
            let (place, text) = match word.bare() {
                Some("any") => {
                    taken = 1;
                    (None, None)
                }
                Some("kind") => {
                    rule.kind = Some(value("expected a kind such as `server` behind it")?.kind()?);
                    (None, None)
                }
                Some("name") => (
                    Some(&mut rule.name),
                    Some(value("expected a name behind it")?),
                ),
                Some("destination") => (
                    Some(&mut rule.destination),
                    Some(value("expected a destination behind it")?),
                ),
                Some("method") => (
                    Some(&mut rule.method),
                    Some(value("expected a method behind it")?),
                ),
                Some("path") => (
                    Some(&mut rule.path),
                    Some(value("expected a path behind it")?),
                ),
                Some(bare) if is_bare_method(bare) => {
                    taken = 1;
                    (Some(&mut rule.method), Some(word))
                }
                Some(bare) if bare.starts_with('/') => {
                    taken = 1;
                    (Some(&mut rule.path), Some(word))
                }
                _ => break,
            };
            if let (Some(place), Some(text)) = (place, text) {
                if place.is_some() {
                    return Err(word.error("expected this condition once"));
                }
                *place = Some(text.text.clone().into_owned());
            }
            conditions += 1;
            rest = &rest[taken..];
        }
        match rest {
            [word, ..] if conditions == 0 => Err(word.error(CLAUSES)),
            [probability] => {
                rule.probability = probability.probability()?;
                self.rules.push(rule);
                Ok(())
            }
            [probability, extra, ..] => Err(match probability.probability() {
                Ok(_) => extra.error("expected `;`"),
                Err(error) => error,
            }),
            [] => Err(words[words.len() - 1]
                .error("expected a percentage such as 10%, `always` or `never` behind it")),
        }
    }
}

/// Parses the rate of a keep rule. Without one all are kept.
fn keep_rate(words: &[Word<'_>]) -> Result<KeepRate, ParsePlanError> {
    match words {
        [] => Ok(KeepRate::All),
        [rate] => rate.per_second().map(KeepRate::PerSecond),
        [_, extra, ..] => Err(extra.error("expected `;`")),
    }
}

/// A word and its position, in characters from 0.
#[derive(Debug)]
struct Word<'a> {
    text: Cow<'a, str>,
    at: usize,
    quoted: bool,
}

impl Word<'_> {
    /// The text of an unquoted word. A quoted word is never a keyword.
    fn bare(&self) -> Option<&str> {
        (!self.quoted).then_some(&*self.text)
    }

    /// The only word that follows this one.
    fn one<'w, 'a>(
        &self,
        rest: &'w [Word<'a>],
        expected: &'static str,
    ) -> Result<&'w Word<'a>, ParsePlanError> {
        match rest {
            [one] => Ok(one),
            [_, extra, ..] => Err(extra.error("expected `;`")),
            [] => Err(self.error(expected)),
        }
    }

    fn must_be(&self, word: &str, expected: &'static str) -> Result<(), ParsePlanError> {
        if self.bare() == Some(word) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    fn kind(&self) -> Result<crate::kind::SpanKind, ParsePlanError> {
        let known = KINDS.iter().find(|(word, _)| self.bare() == Some(word));
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            self.error("expected `server`, `client`, `producer`, `consumer` or `internal`")
        })
    }

    fn probability(&self) -> Result<Probability, ParsePlanError> {
        const EXPECTED: &str = "expected a percentage such as 10%, `always` or `never`";
        const TOO_LITTLE: &str = "expected 0%, or a percentage from 0.0001% to 100%";
        match self.bare() {
            Some("always") => return Ok(Probability::Always),
            Some("never" | "drop") => return Ok(Probability::Never),
            _ => {}
        }
        let number = self.bare().and_then(|text| text.strip_suffix('%'));
        // `f64` also parses `inf` and `1e1`, which a plan does not have
        let number = number.filter(|number| {
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
        let number: Option<f64> = number.and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| self.error(EXPECTED))?;
        Probability::percent(number).ok_or_else(|| self.error(TOO_LITTLE))
    }

    fn per_second(&self) -> Result<u32, ParsePlanError> {
        let number = self.bare().and_then(|text| text.strip_suffix("/s"));
        let rate = number.and_then(whole::<u32>);
        rate.filter(|rate| *rate > 0)
            .ok_or_else(|| self.error("expected a rate such as 200/s"))
    }

    fn duration(&self) -> Result<Duration, ParsePlanError> {
        let text = self.bare().unwrap_or_default();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = whole::<u128>(&text[..text.len() - unit.len()]);
        let size = TIME_UNITS.iter().find(|(name, _)| *name == unit);
        let nanos = number.and_then(|number| number.checked_mul(size?.1));
        let duration = nanos.and_then(|nanos| {
            let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
            Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
        });
        duration.ok_or_else(|| self.error("expected a time such as 500ms or 2s"))
    }

    fn error(&self, expected: &'static str) -> ParsePlanError {
        ParsePlanError {
            word: self.text.clone().into_owned(),
            at: self.at,
            expected,
        }
    }
}

/// Parses digits only: `parse` would accept a sign.
fn whole<T: FromStr>(digits: &str) -> Option<T> {
    let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// The words of each clause.
fn clauses(text: &str) -> Result<Vec<Vec<Word<'_>>>, ParsePlanError> {
    let mut clauses = vec![Vec::new()];
    let (mut rest, mut at) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ';' => {
                clauses.push(Vec::new());
                1
            }
            c if c.is_whitespace() => c.len_utf8(),
            _ => {
                let (word, length) = word(rest, at)?;
                // the list is never empty: it starts with one clause and only grows
                if let Some(clause) = clauses.last_mut() {
                    clause.push(word);
                }
                length
            }
        };
        let (passed, behind) = rest.split_at(length);
        at += passed.chars().count();
        rest = behind;
    }
    Ok(clauses)
}

/// The word at the start of the text, and its length there in bytes.
fn word(text: &str, at: usize) -> Result<(Word<'_>, usize), ParsePlanError> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || c == ';')
            .unwrap_or(text.len());
        let text = Cow::Borrowed(&text[..end]);
        return Ok((
            Word {
                text,
                at,
                quoted: false,
            },
            end,
        ));
    };
    let mut unquoted = String::new();
    let mut chars = inner.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => {
                let text = Cow::Owned(unquoted);
                return Ok((
                    Word {
                        text,
                        at,
                        quoted: true,
                    },
                    index + 2,
                ));
            }
            '\\' => unquoted.extend(chars.next().map(|(_, escaped)| escaped)),
            c => unquoted.push(c),
        }
    }
    let text = Cow::Borrowed(text);
    Err(Word {
        text,
        at,
        quoted: true,
    }
    .error("expected a closing quotation mark"))
}

/// The error of a text that is not a sampling plan: the word, its position, and what was expected.
///
/// # Examples
///
/// ```
/// use hopline_core::SamplingPlan;
///
/// let error = "* 5".parse::<SamplingPlan>().unwrap_err();
/// assert!(error.to_string().starts_with("`5` at 2: expected"));
/// assert_eq!((error.word(), error.position()), ("5", 2));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` at {at}: {expected}")]
pub struct ParsePlanError {
    word: String,
    at: usize,
    expected: &'static str,
}

crate::debug_as_display!(ParsePlanError);

impl ParsePlanError {
    /// The word that was not expected.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Its position in the text, in bytes: for an editor that marks it.
    pub fn position(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_prints_as_it_parses() {
        for text in [
            "* 100%",
            "* 0.1%; keep errors",
            "GET /products 7%; /health 0%; * 5%; ignore parents; keep errors; keep slower 500ms",
            "POST /checkout always; * 10%; budget 200/s; keep errors 100/s; keep slower 1s; keep forced; local roots only",
            "kind consumer name \"process orders\" destination orders.* PUT /a 50%; method get path a 1%; * 0%",
            "* 100%; remote sampled parents 10%; local unsampled parents ignore; keep slower 1500us",
            "name \"a \\\" \\\\ ;\" 1%; * 100%",
            "any 3%; * 100%",
            "/health never; * 100%; resample parents; keep slower 500ms 50/s",
            "* never; remote sampled parents resample",
            "* 0.0001%",
        ] {
            assert_eq!(text.parse::<SamplingPlan>().unwrap().to_string(), text);
        }
        for (text, printed) in [
            ("keep slower 2000ms;;", "* 100%; keep slower 2s"),
            ("/health drop", "/health never; * 100%"),
            (
                "sampled parents 10%",
                "* 100%; remote sampled parents 10%; local sampled parents 10%",
            ),
            (
                "parents ignore; remote parents follow; * 05.0%",
                "* 5%; local sampled parents ignore; local unsampled parents ignore",
            ),
        ] {
            assert_eq!(text.parse::<SamplingPlan>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn errors_point_at_the_word() {
        const PERCENT: &str = "expected a percentage such as 10%, `always` or `never`";
        const RANGE: &str = "expected 0%, or a percentage from 0.0001% to 100%";
        for (text, error) in [
            ("GET /a 101%", format!("`101%` at 7: {RANGE}")),
            ("* 0.00001%", format!("`0.00001%` at 2: {RANGE}")),
            ("GET /a 1e1%", format!("`1e1%` at 7: {PERCENT}")),
            ("GET /a", format!("`/a` at 4: {PERCENT} behind it")),
            ("GET products 10%", format!("`products` at 4: {PERCENT}")),
            (
                "GET GET /a 1%",
                "`GET` at 4: expected this condition once".into(),
            ),
            (
                "kind worker 1%",
                "`worker` at 5: expected `server`, `client`, `producer`, `consumer` or `internal`"
                    .into(),
            ),
            (
                "* 5%; keep everything",
                "`everything` at 11: expected `errors`, `slower` or `forced`".into(),
            ),
            (
                "* 5%; keep slower soon",
                "`soon` at 18: expected a time such as 500ms or 2s".into(),
            ),
            (
                "keep slower 1s 5",
                "`5` at 15: expected a rate such as 200/s".into(),
            ),
            ("keep slower 1s 5/s now", "`now` at 19: expected `;`".into()),
            (
                "keep slower",
                "`slower` at 5: expected a time such as 500ms behind it".into(),
            ),
            (
                "parents never",
                "`never` at 8: expected a percentage, `follow`, `ignore` or `resample`".into(),
            ),
            (
                "budget 0/s",
                "`0/s` at 7: expected a rate such as 200/s".into(),
            ),
            (
                "keep errors 5",
                "`5` at 12: expected a rate such as 200/s".into(),
            ),
            ("\u{e9} 5%", format!("`\u{e9}` at 0: {CLAUSES}")),
            ("GET /a 5% now", "`now` at 10: expected `;`".into()),
            (
                "keep",
                "`keep` at 0: expected `keep errors`, `keep slower 500ms` or `keep forced`".into(),
            ),
            (
                "remote traces 5%",
                "`traces` at 7: expected `parents`".into(),
            ),
            (
                "sampled",
                "`sampled` at 0: expected `parents` behind it".into(),
            ),
            (
                "name \"a 5%",
                "`\"a 5%` at 5: expected a closing quotation mark".into(),
            ),
            (
                "local roots",
                "`roots` at 6: expected `local roots only`".into(),
            ),
        ] {
            assert_eq!(
                text.parse::<SamplingPlan>().unwrap_err().to_string(),
                error,
                "{text}"
            );
        }
    }
}

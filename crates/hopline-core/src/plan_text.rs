//! A sampling plan as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::plan::{Probability, Rule, SamplingPlan};

impl FromStr for SamplingPlan {
    type Err = ParsePlanError;

    /// Parses clauses separated by semicolons; empty ones are passed over.
    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        let mut plan = Self::always();
        for clause in text.split(';') {
            let words: Vec<Word<'_>> = clause
                .split_whitespace()
                .map(|word| Word::of(text, word))
                .collect();
            if let Some((first, rest)) = words.split_first() {
                plan.clause(*first, rest)?;
            }
        }
        Ok(plan)
    }
}

impl SamplingPlan {
    fn clause(&mut self, first: Word<'_>, rest: &[Word<'_>]) -> Result<(), ParsePlanError> {
        match (first.text, rest) {
            ("keep", [what, rest @ ..]) => self.keep(*what, rest),
            ("keep", []) => Err(first.error("expected `keep errors` or `keep slower 500ms`")),
            ("ignore", [parents]) if parents.text == "parents" => {
                self.ignore_parents = true;
                Ok(())
            }
            ("*", [share]) => {
                self.others = share.probability()?;
                Ok(())
            }
            (_, [pattern, share]) if is_method(first.text) => {
                self.add(Some(first), *pattern, *share)
            }
            (_, [share]) => self.add(None, first, *share),
            (_, [_, _, extra, ..]) => Err(extra.error("expected `;`")),
            _ => {
                Err(first
                    .error("expected `METHOD /path 10%`, `* 10%`, `keep …` or `ignore parents`"))
            }
        }
    }

    fn keep(&mut self, what: Word<'_>, rest: &[Word<'_>]) -> Result<(), ParsePlanError> {
        match (what.text, rest) {
            ("errors", []) => self.keep_errors = true,
            ("slower", [limit]) => self.keep_slower = Some(limit.duration()?),
            ("errors", [extra, ..]) | ("slower", [_, extra, ..]) => {
                return Err(extra.error("expected `;`"));
            }
            ("slower", []) => return Err(what.error("expected a time such as 500ms behind it")),
            _ => return Err(what.error("expected `errors` or `slower`")),
        }
        Ok(())
    }

    fn add(
        &mut self,
        method: Option<Word<'_>>,
        pattern: Word<'_>,
        share: Word<'_>,
    ) -> Result<(), ParsePlanError> {
        if !pattern.text.starts_with('/') {
            return Err(pattern.error("expected a path that begins with /"));
        }
        let probability = share.probability()?;
        let method = method.map(|method| method.text.to_owned());
        self.rules.push(Rule {
            method,
            pattern: pattern.text.to_owned(),
            probability,
        });
        Ok(())
    }
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A word and where it stands, counted in characters from 0.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Word<'a> {
    /// `word` is a part of `text`.
    fn of(text: &str, word: &'a str) -> Self {
        let bytes = word.as_ptr() as usize - text.as_ptr() as usize;
        Self {
            text: word,
            at: text.get(..bytes).map_or(0, |before| before.chars().count()),
        }
    }

    fn probability(self) -> Result<Probability, ParsePlanError> {
        let percent = self
            .text
            .strip_suffix('%')
            .and_then(|number| number.parse::<f64>().ok());
        let share = percent.and_then(|percent| Probability::new(percent / 100.0));
        share.ok_or_else(|| self.error("expected a percentage such as 10%"))
    }

    fn duration(self) -> Result<Duration, ParsePlanError> {
        let millis = match self.text.strip_suffix("ms") {
            Some(number) => number.parse().ok(),
            None => self
                .text
                .strip_suffix('s')
                .and_then(|number| number.parse::<u64>().ok()?.checked_mul(1000)),
        };
        millis
            .map(Duration::from_millis)
            .ok_or_else(|| self.error("expected a time such as 500ms or 2s"))
    }

    fn error(self, expected: &'static str) -> ParsePlanError {
        ParsePlanError {
            word: self.text.to_owned(),
            at: self.at,
            expected,
        }
    }
}

/// Prints the text that parses to the same plan.
impl fmt::Display for SamplingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Rule {
            method,
            pattern,
            probability,
        } in &self.rules
        {
            if let Some(method) = method {
                write!(f, "{method} ")?;
            }
            write!(f, "{pattern} {probability}; ")?;
        }
        write!(f, "* {}", self.others)?;
        if self.ignore_parents {
            f.write_str("; ignore parents")?;
        }
        if self.keep_errors {
            f.write_str("; keep errors")?;
        }
        match self.keep_slower {
            Some(limit) => write!(f, "; keep slower {}ms", limit.as_millis()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 0.07 * 100.0 is not 7: round to what anybody would write
        let percent = (self.share * 1e12).round() / 1e10;
        write!(f, "{percent}%")
    }
}

/// The text is not a sampling plan; says which word, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` at {at}: {expected}")]
pub struct ParsePlanError {
    word: String,
    at: usize,
    expected: &'static str,
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
        ] {
            assert_eq!(text.parse::<SamplingPlan>().unwrap().to_string(), text);
        }
        assert_eq!(
            "keep slower 2s;;"
                .parse::<SamplingPlan>()
                .unwrap()
                .to_string(),
            "* 100%; keep slower 2000ms"
        );
    }

    #[test]
    fn errors_point_at_the_word() {
        for (text, error) in [
            (
                "GET /a 101%",
                "`101%` at 7: expected a percentage such as 10%",
            ),
            (
                "* 5%; keep everything",
                "`everything` at 11: expected `errors` or `slower`",
            ),
            (
                "* 5%; keep slower soon",
                "`soon` at 18: expected a time such as 500ms or 2s",
            ),
            (
                "\u{e9} 5%",
                "`\u{e9}` at 0: expected a path that begins with /",
            ),
            ("GET /a 5% now", "`now` at 10: expected `;`"),
            (
                "keep",
                "`keep` at 0: expected `keep errors` or `keep slower 500ms`",
            ),
            (
                "nonsense",
                "`nonsense` at 0: expected `METHOD /path 10%`, `* 10%`, `keep …` or `ignore parents`",
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

//! The text of an objective: `SLO [METHOD] ROUTE PERCENT% [< DURATION] over DURATION`.
//! `Slo::from_str` and `Slo::parse_all` are here; `Slo` prints the same text back.
//!
//! ```text
//! SLO POST /checkout 99.9% < 500ms over 30d
//! |   |    |         |       |          window: whole minutes, hours or days, up to 366 days
//! |   |    |         |       limit, optional: whole milliseconds, seconds or minutes
//! |   |    |         objective: a percentage with up to four decimals
//! |   |    route as the router has it, or * for all
//! |   method, optional, in capitals
//! ```

use std::time::Duration;

use crate::slo::objective::{Slo, UNITS, WHOLE};

/// The longest window: burn rates and rules look at no more.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// An objective whose text is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid objective: {problem}; write SLO POST /checkout 99.9% < 500ms over 30d"
)]
///
/// Its message has the text, the first problem in it, and a valid example.
///
/// # Examples
///
/// ```
/// use hopline_metrics::slo::Slo;
///
/// let error = "SLO / 100% over 30d".parse::<Slo>().unwrap_err();
/// assert!(error.to_string().contains("between 0 and 100"), "{error}");
/// ```
pub struct ParseSloError {
    /// Without the blanks around it.
    text: Box<str>,
    problem: Problem,
}

/// The first part that is not valid, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it does not begin with SLO")]
    Begin,
    #[error("it has no route that begins with / and no *")]
    Route,
    #[error("a method is written in capitals")]
    Method,
    #[error(
        "the objective is a percentage between 0 and 100, both excluded, with up to 4 decimals"
    )]
    Objective,
    #[error("the limit is a whole number with ms, s or m, above 0")]
    Limit,
    #[error("the window is `over` and a whole number with m, h or d, of up to 366 days")]
    Window,
    #[error("there is something after the window")]
    End,
}

impl Slo {
    /// Parses several objectives, separated by semicolons or line ends.
    ///
    /// # Errors
    ///
    /// Returns the error of the first one that is not valid.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_metrics::slo::Slo;
    ///
    /// let slos = Slo::parse_all("SLO POST /checkout 99.9% < 500ms over 30d; SLO * 99% over 7d")?;
    /// assert_eq!(slos.len(), 2);
    /// # Ok::<(), hopline_metrics::slo::ParseSloError>(())
    /// ```
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ParseSloError> {
        let parts = text.split([';', '\n']).map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl std::str::FromStr for Slo {
    type Err = ParseSloError;

    fn from_str(text: &str) -> Result<Self, ParseSloError> {
        parse(text).map_err(|problem| ParseSloError {
            text: text.trim().into(),
            problem,
        })
    }
}

/// Reads the words in order. Any number of blanks separates them.
///
/// Reports the first word that does not fit. Blanks separate all words, so `<500ms` is refused.
///
/// # Errors
///
/// The part that is missing or not valid.
fn parse(text: &str) -> Result<Slo, Problem> {
    let mut words = text.split_whitespace().peekable();
    if words.next() != Some("SLO") {
        return Err(Problem::Begin);
    }
    let is_route = |word: &&str| word.starts_with('/') || *word == "*";
    let method = words.next_if(|word| !is_route(word) && !word.ends_with('%'));
    if method.is_some_and(|method| !is_method(method)) {
        return Err(Problem::Method);
    }
    let route = words.next_if(is_route).ok_or(Problem::Route)?;
    let objective = words.next().and_then(percent).ok_or(Problem::Objective)?;
    let limit = match words.next_if_eq(&"<") {
        Some(_) => Some(words.next().and_then(duration).ok_or(Problem::Limit)?),
        None => None,
    };
    if words.next() != Some("over") {
        return Err(Problem::Window);
    }
    let window = words
        .next()
        .and_then(duration)
        .filter(|window| *window <= LONGEST);
    let window = window.ok_or(Problem::Window)?;
    if words.next().is_some() {
        return Err(Problem::End);
    }
    Ok(Slo {
        method: method.map(Into::into),
        route: (route != "*").then(|| route.into()),
        objective,
        limit,
        window,
    })
}

/// Returns true for capitals: methods are case-sensitive (RFC 9110, section 9.1), and `get` would match no request.
///
/// Letters are not checked against a list, as a service may have methods of its own.
fn is_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Ten thousandths of a percent.
/// Parses digits, not a float, so that objectives compare exactly and 99.99999 is refused, not rounded to 100.
///
/// Returns `None` for 0 and 100: 0 requires nothing, and 100 leaves no budget.
fn percent(word: &str) -> Option<u32> {
    let number = word.strip_suffix('%')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 4 || whole.len() > 2 {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
    let objective = whole.parse::<u32>().ok()? * (WHOLE / 100) + fraction;
    (objective > 0 && objective < WHOLE).then_some(objective)
}

/// Parses a whole number above 0 with its unit. The number has 32 bits, so that no product overflows.
///
/// Zero is refused, as no request is that fast and no window that short.
fn duration(word: &str) -> Option<Duration> {
    let at = word.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = word.split_at(at);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = u128::from(number.parse::<u32>().ok()?) * millis;
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_prints_back_as_it_parses() {
        for text in [
            "SLO POST /checkout 99.9% < 500ms over 30d",
            "SLO /orders/{id} 95% over 7d",
            "SLO * 99.9999% < 2s over 1h",
            "SLO GET * 50.5% < 1m over 90m",
        ] {
            let parsed: Slo = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(parsed.to_string(), text);
        }
        let spaced: Slo = "  SLO   GET /  99.90%   <   1000ms over 24h "
            .parse()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(spaced.to_string(), "SLO GET / 99.9% < 1s over 1d");
    }

    #[test]
    fn what_is_no_objective_is_refused_with_its_problem() {
        for (text, problem) in [
            ("", Problem::Begin),
            ("slo GET / 99% over 1d", Problem::Begin),
            ("SLO get / 99% over 1d", Problem::Method),
            ("SLO GET 99% over 1d", Problem::Route),
            ("SLO GET orders 99% over 1d", Problem::Route),
            ("SLO / 100% over 1d", Problem::Objective),
            ("SLO / 0% over 1d", Problem::Objective),
            ("SLO / 99.99999% over 1d", Problem::Objective),
            ("SLO / -1% over 1d", Problem::Objective),
            ("SLO / 99 over 1d", Problem::Objective),
            ("SLO / 99% < over 1d", Problem::Limit),
            ("SLO / 99% < 0ms over 1d", Problem::Limit),
            ("SLO / 99% < 5 over 1d", Problem::Limit),
            ("SLO / 99%", Problem::Window),
            ("SLO / 99% over", Problem::Window),
            ("SLO / 99% over 4294967295d", Problem::Window),
            ("SLO / 99% over 1d please", Problem::End),
        ] {
            let error = text.parse::<Slo>().expect_err(text);
            assert_eq!(error.problem, problem, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_objective_prints_back_and_no_text_panics(
            method in "([A-Z]{1,8} )?",
            route in "/[a-z{}/:_-]{0,20}|\\*",
            objective in 1_u32..1_000_000,
            limit in proptest::option::of(1_u32..100_000),
            minutes in 1_u32..527_000,
            other in ".{0,40}",
        ) {
            let percent = format!("{}.{:04}%", objective / 10_000, objective % 10_000);
            let limit = limit.map(|limit| format!(" < {limit}ms")).unwrap_or_default();
            let text = format!("SLO {method}{route} {percent}{limit} over {minutes}m");
            let parsed: Slo = text.parse().unwrap_or_else(|error| panic!("{error}"));
            proptest::prop_assert_eq!(parsed.to_string().parse::<Slo>(), Ok(parsed));
            drop(other.parse::<Slo>());
            drop(format!("{text} {other}").parse::<Slo>());
        }
    }
}

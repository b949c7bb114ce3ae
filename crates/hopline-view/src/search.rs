//! Search words: the one filter of the page, `print`, `tail` and the API.

use std::fmt;

use hopline_core::export::OwnedValue;

use crate::store::entry::Entry;
use crate::store::stored::{StoredSpan, StoredValue};

/// A parsed list of search words; a trace matches if all words do.
///
/// | word | matches a trace |
/// |---|---|
/// | `service:orders` | with a span of this service |
/// | `status:error`, `status:ok` | with a failed span, or without |
/// | `name:checkout` | with this text in a span's name |
/// | `>200ms`, `<1s` | longer or shorter; units `ns`, `us`, `µs`, `ms`, `s`, `m` |
/// | `http.route:/orders/{id}` | with a span that has this attribute; `*` matches any text |
/// | `is:open`, `is:incomplete`, `is:pinned` | with open spans, with a missing parent, pinned |
/// | `text`, `"two words"` | with this text in a name, service, value, event or message; or whose id starts with it |
/// | `-word` | that the word does not match |
///
/// Text is compared without regard to case in ASCII.
///
/// # Examples
///
/// ```
/// use hopline_view::Search;
///
/// let search: Search = "service:orders status:error >200ms -health".parse()?;
/// assert_eq!(search.to_string(), "service:orders status:error >200ms -health");
///
/// let error = "service:orders >fast".parse::<Search>().unwrap_err();
/// assert_eq!((error.at(), error.to_string().as_str()), (15, "not a duration: `fast`; write a number and ns, us, ms, s or m"));
/// # Ok::<(), hopline_view::SearchError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// As given, for display.
    text: String,
    /// All of them have to match.
    words: Vec<Word>,
}

/// One word, with or without `-`.
///
/// A negated word matches a trace for which its condition is false: `-status:error` is a trace without a failed span.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    is_negated: bool,
    term: Term,
}

/// Condition of a word. Each is about the whole trace; two words may be true of different spans.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// In a name, service, value, event or message; or the start of the trace's id, from four characters on.
    Text(String),
    /// A span, finished or running, has this service.
    Service(Pattern),
    /// A span's name has this text.
    Name(String),
    /// The trace has a failed span, or has none.
    Status {
        /// True for `status:error`.
        error: bool,
    },
    /// In nanoseconds. Compared with the time from the earliest start to the latest end.
    Longer(u64),
    /// In nanoseconds.
    Shorter(u64),
    /// A finished span, or its resource, has an attribute with this key and a value that matches. Values that are not
    /// texts are compared as text.
    Attribute(String, Pattern),
    /// A span has not ended.
    Open,
    /// A parent is missing, or spans did not fit.
    Incomplete,
    /// The user pinned it.
    Pinned,
}

/// Text with `*` for any text.
///
/// It has to match the whole value: `a*` is the start of a text, `*a*` any part.
#[derive(Clone, Debug, PartialEq)]
struct Pattern(String);

/// A search word that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchError {
    /// Byte of the text at which the word starts.
    at: usize,
    /// The problem and the remedy, for the reader.
    problem: String,
}

impl SearchError {
    /// The byte of the text at which the word starts.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for SearchError {}

/// Bytes of a search: what a person types, and more. The limit bounds the time of a search, which compares each word
/// with each span.
const MAX_BYTES: usize = 4096;
/// Words of a search.
const MAX_WORDS: usize = 64;

impl std::str::FromStr for Search {
    type Err = SearchError;

    /// Parses search words.
    ///
    /// # Errors
    ///
    /// An unknown status or state, a duration that is none, an unclosed quotation, more than 4096 bytes or 64 words.
    fn from_str(text: &str) -> Result<Self, SearchError> {
        let error = |at, problem: String| Err(SearchError { at, problem });
        if text.len() > MAX_BYTES {
            return error(
                MAX_BYTES,
                format!("the search is longer than {MAX_BYTES} bytes"),
            );
        }
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(skip) = text[at..].find(|c: char| !c.is_whitespace()) {
            at += skip;
            let start = at;
            let (raw, end) = raw_word(text, at)?;
            at = end;
            if words.len() == MAX_WORDS {
                return error(start, format!("the search has more than {MAX_WORDS} words"));
            }
            words.push(word(&raw).map_err(|problem| SearchError { at: start, problem })?);
        }
        let text = text.trim().to_owned();
        Ok(Self { text, words })
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A word as written, with the part in quotes apart: `-key:"two words"` is `-`, `key`, `two words`.
struct Raw {
    is_negated: bool,
    plain: String,
    quoted: Option<String>,
}

/// Reads the word at `start`; returns it with the byte after it. A `-` alone, or before a space, is text and not a
/// negation.
///
/// # Errors
///
/// Returns an error if a quotation is not closed.
fn raw_word(text: &str, start: usize) -> Result<(Raw, usize), SearchError> {
    let mut at = start;
    let is_negated =
        text[at..].starts_with('-') && text[at + 1..].starts_with(|c: char| !c.is_whitespace());
    at += usize::from(is_negated);
    let plain_end = text[at..]
        .find(|c: char| c.is_whitespace() || c == '"')
        .map_or(text.len(), |end| at + end);
    let plain = text[at..plain_end].to_owned();
    if !text[plain_end..].starts_with('"') {
        return Ok((
            Raw {
                is_negated,
                plain,
                quoted: None,
            },
            plain_end,
        ));
    }
    let inside = &text[plain_end + 1..];
    let Some(end) = inside.find('"') else {
        return Err(SearchError {
            at: start,
            problem: "a quotation is not closed".to_owned(),
        });
    };
    let quoted = Some(inside[..end].to_owned());
    Ok((
        Raw {
            is_negated,
            plain,
            quoted,
        },
        plain_end + 1 + end + 1,
    ))
}

/// The condition of a word. A word with quotes is never a duration, so `">5"` finds the text.
///
/// # Errors
///
/// Returns the problem for an unknown status or state, or for a duration that is none.
fn word(raw: &Raw) -> Result<Word, String> {
    let term = match (&raw.quoted, raw.plain.split_once(':')) {
        (Some(quoted), None) => Term::Text(format!("{}{quoted}", raw.plain)),
        (Some(quoted), Some((key, value))) => keyed(key, &format!("{value}{quoted}"))?,
        (None, Some((key, value))) if !key.is_empty() => keyed(key, value)?,
        (None, _) => match raw.plain.as_bytes() {
            [b'>', ..] => Term::Longer(parse_nanos(&raw.plain[1..])?),
            [b'<', ..] => Term::Shorter(parse_nanos(&raw.plain[1..])?),
            _ => Term::Text(raw.plain.clone()),
        },
    };
    Ok(Word {
        is_negated: raw.is_negated,
        term,
    })
}

/// The condition of `key:value`. A key that is none of the fixed ones is that of an attribute, so a new attribute can
/// be searched without a change here.
///
/// # Errors
///
/// Returns the problem for an unknown status or state.
fn keyed(key: &str, value: &str) -> Result<Term, String> {
    Ok(match (key, value) {
        ("service", _) => Term::Service(Pattern(value.to_owned())),
        ("name", _) => Term::Name(value.to_owned()),
        ("status", "error") => Term::Status { error: true },
        ("status", "ok") => Term::Status { error: false },
        ("status", _) => return Err(format!("not a status: `{value}`; write `error` or `ok`")),
        ("is", "open") => Term::Open,
        ("is", "incomplete") => Term::Incomplete,
        ("is", "pinned") => Term::Pinned,
        ("is", _) => {
            return Err(format!(
                "not a state: `{value}`; write `open`, `incomplete` or `pinned`"
            ));
        }
        _ => Term::Attribute(key.to_owned(), Pattern(value.to_owned())),
    })
}

/// Parses a duration such as `200ms` to nanoseconds; units are `ns`, `us`, `µs`, `ms`, `s` and `m`.
///
/// # Errors
///
/// The problem, if the text is not a number and a unit.
///
/// # Examples
///
/// ```
/// assert_eq!(hopline_view::search::parse_nanos("1.5s"), Ok(1_500_000_000));
/// ```
pub fn parse_nanos(text: &str) -> Result<u64, String> {
    let problem = || format!("not a duration: `{text}`; write a number and ns, us, ms, s or m");
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(problem)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| problem())?;
    let unit = match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        _ => return Err(problem()),
    };
    Ok((number * unit) as u64)
}

impl Search {
    /// True if there is no word, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// True if all words match. An empty search matches each trace.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        self.words
            .iter()
            .all(|word| word.term.matches(entry) != word.is_negated)
    }
}

impl Term {
    /// Stops at the first span that matches. Called under the store's lock, so it copies no span.
    fn matches(&self, entry: &Entry) -> bool {
        let any = |test: &dyn Fn(&StoredSpan) -> bool| entry.spans.iter().any(test);
        match self {
            Self::Text(text) => {
                let id =
                    text.len() >= 4 && entry.id.to_string().starts_with(&text.to_ascii_lowercase());
                id || any(&|span| has_text(span, text))
                    || entry
                        .running()
                        .any(|span| contains(&span.name, text) || contains(span.service(), text))
                    || entry.logs.iter().any(|log| contains(&log.body, text))
            }
            Self::Service(pattern) => {
                any(&|span| pattern.matches(&span.resource.service))
                    || entry.running().any(|span| pattern.matches(span.service()))
            }
            Self::Name(text) => {
                any(&|span| contains(&span.name, text))
                    || entry.running().any(|span| contains(&span.name, text))
            }
            Self::Status { error } => (entry.errors > 0) == *error,
            Self::Longer(nanos) => duration(entry) > *nanos,
            Self::Shorter(nanos) => duration(entry) < *nanos,
            Self::Attribute(key, pattern) => any(&|span| {
                let own = span
                    .attribute(key)
                    .is_some_and(|value| pattern.matches_value(value));
                own || span
                    .resource
                    .resource
                    .iter()
                    .any(|(known, value)| known == key && pattern.matches(&value.to_string()))
            }),
            Self::Open => !entry.open_ids().is_empty(),
            Self::Incomplete => entry.is_incomplete(),
            Self::Pinned => entry.is_pinned,
        }
    }
}

impl Pattern {
    /// Compares a stored value; only one that is not a text is formatted.
    fn matches_value(&self, value: &StoredValue) -> bool {
        match value {
            StoredValue::Text(text) => self.matches(text),
            other => self.matches(&other.to_owned_value().to_string()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        glob(&self.0, text)
    }
}

/// From the earliest start to the latest end, in nanoseconds.
fn duration(entry: &Entry) -> u64 {
    let (start, end) = entry.extent();
    end - start
}

/// True if a span has this text in a name, its service, a value, an event or its message. Keys are not searched: each
/// trace has the same ones.
fn has_text(span: &StoredSpan, needle: &str) -> bool {
    contains(&span.name, needle)
        || contains(&span.resource.service, needle)
        || span
            .message
            .as_deref()
            .is_some_and(|message| contains(message, needle))
        || span
            .attributes
            .iter()
            .any(|(_, value)| value_contains(value, needle))
        || span.events.iter().any(|event| {
            contains(&event.name, needle)
                || event
                    .attributes
                    .iter()
                    .any(|(_, value)| value_contains(value, needle))
        })
}

/// As `attribute_contains`, for the value alone and as stored.
fn value_contains(value: &StoredValue, needle: &str) -> bool {
    match value {
        StoredValue::Text(text) => contains(text, needle),
        other => contains(&other.to_owned_value().to_string(), needle),
    }
}

/// True if the key or the value of an attribute has this text.
pub(crate) fn attribute_contains((key, value): &(String, OwnedValue), needle: &str) -> bool {
    contains(key, needle)
        || value.as_str().map_or_else(
            || contains(&value.to_string(), needle),
            |text| contains(text, needle),
        )
}

/// True if the text has this part, without regard to case in ASCII.
///
/// Works on bytes, since UTF-8 has no ASCII byte within another character. It allocates nothing, in contrast to a
/// comparison of lower-case copies.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else {
        return true;
    };
    let last = text.len().checked_sub(part.len());
    last.is_some_and(|last| {
        (0..=last).any(|at| {
            text[at].eq_ignore_ascii_case(first)
                && text[at..at + part.len()].eq_ignore_ascii_case(part)
        })
    })
}

/// True if a pattern with `*` for any text matches all of this text, without regard to case in ASCII.
///
/// # Examples
///
/// ```
/// assert!(hopline_view::search::glob("GET /orders/*", "GET /orders/7"));
/// ```
///
/// Backtracks to the last `*` only, so its time is bounded by the product of both lengths.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            back = Some((p, t));
            p += 1;
        } else if pattern
            .get(p)
            .is_some_and(|byte| byte.eq_ignore_ascii_case(&text[t]))
        {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<(bool, Term)> {
        let search: Search = text.parse().unwrap();
        search
            .words
            .into_iter()
            .map(|word| (word.is_negated, word.term))
            .collect()
    }

    #[test]
    fn words_are_read_as_documented() {
        assert_eq!(
            terms("service:orders >200ms <1.5s -health key:\"two words\" \"a b\" -is:pinned - :x"),
            [
                (false, Term::Service(Pattern("orders".into()))),
                (false, Term::Longer(200_000_000)),
                (false, Term::Shorter(1_500_000_000)),
                (true, Term::Text("health".into())),
                (
                    false,
                    Term::Attribute("key".into(), Pattern("two words".into()))
                ),
                (false, Term::Text("a b".into())),
                (true, Term::Pinned),
                (false, Term::Text("-".into())),
                (false, Term::Text(":x".into())),
            ]
        );
    }

    #[test]
    fn an_error_names_its_place() {
        for (text, at) in [
            ("a >5x", 2),
            ("a \"b", 2),
            ("  status:slow", 2),
            ("is:what", 0),
            (">", 0),
            ("<5", 0),
        ] {
            assert_eq!(text.parse::<Search>().unwrap_err().at(), at, "{text}");
        }
        assert!("x".repeat(MAX_BYTES + 1).parse::<Search>().is_err());
        assert!("x ".repeat(MAX_WORDS + 1).parse::<Search>().is_err());
    }

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("a*c", "ABBC", true),
            ("a*c", "abcd", false),
            ("/orders/{id}", "/orders/{id}", true),
            ("**b", "aab", true),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn text_is_found_in_any_case() {
        assert!(contains("SELECT Orders", "orders") && contains("é", "é") && contains("a", ""));
        assert!(!contains("ab", "abc"));
    }
}

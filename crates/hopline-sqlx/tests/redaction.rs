//! Redaction: the expected text of each statement in `data/statements.jsonl`, and the absence of values in generated,
//! damaged and hostile ones.

#[allow(dead_code, reason = "its own main is not called")]
#[path = "../examples/redact.rs"]
mod example;
mod support;

use hopline_sqlx::redact::{Dialect, redact};
use hopline_test_support::sql::{self, DIALECTS, Generated, Generator, NUMBER, TEXT, hostile};
use proptest::prelude::*;
use serde_json::Value;
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Token, Tokenizer};
use support::ENGINES;

/// A JSON object in each line: dialect, statement, and the expected text and summary. `SECRET` and 4711 mark values that
/// must not be exported.
const STATEMENTS: &str = include_str!("data/statements.jsonl");

struct Case {
    dialect: Dialect,
    sql: String,
    text: String,
    summary: String,
}

fn cases() -> Vec<Case> {
    let of = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    STATEMENTS
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            Case {
                dialect: dialect(value["dialect"].as_str().unwrap()),
                sql: of(&value, "sql"),
                text: of(&value, "text"),
                summary: of(&value, "summary"),
            }
        })
        .collect()
}

fn dialect(name: &str) -> Dialect {
    let known = ENGINES.iter().find(|(known, _)| *known == name);
    known.map_or(Dialect::Other, |(_, dialect)| *dialect)
}

#[test]
fn statements_have_the_expected_text_and_summary() {
    let cases = cases();
    assert!(cases.len() > 265, "there are {}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let redacted = redact(&case.sql, case.dialect);
        if (&redacted.text, &redacted.summary) != (&case.text, &case.summary) {
            wrong.push(format!(
                "{:?} {}\n  is     {} | {}\n  not as {} | {}",
                case.dialect, case.sql, redacted.text, redacted.summary, case.text, case.summary
            ));
        }
        for secret in ["SECRET", "4711"] {
            assert!(
                !case.text.contains(secret) && !case.summary.contains(secret),
                "the expected text contains a secret: {}",
                case.sql
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A truncated statement is not misread.
#[test]
fn no_prefix_of_a_statement_leaks() {
    for case in cases() {
        for (end, _) in case.sql.char_indices() {
            let redacted = redact(&case.sql[..end], case.dialect);
            let all = format!("{}|{}", redacted.text, redacted.summary);
            assert!(
                !all.contains("SECRET"),
                "{:?} {} -> {all}",
                case.dialect,
                &case.sql[..end]
            );
        }
    }
}

#[test]
fn the_example_answers_line_by_line() {
    let mut answers = Vec::new();
    example::answer(STATEMENTS.as_bytes(), &mut answers).unwrap();
    let answers = String::from_utf8(answers).unwrap();
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected: Vec<Value> = cases()
        .iter()
        .map(|case| serde_json::json!({"text": case.text, "summary": case.summary}))
        .collect();
    assert_eq!(answers, expected);
    for no_statement in ["{}", "SELECT 1", r#"{"sql":"SELECT 1","dialect":"oracle"}"#] {
        let error = example::answer(no_statement.as_bytes(), Vec::new()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("line 1 is no statement: expected `sql`"),
            "{error}"
        );
    }
}

/// The seeds of fuzzing, including each input with a finding.
#[test]
fn the_seeds_of_fuzzing_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/sqlx_redact");
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        sql::redact_any(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 100);
}

fn check(dialect: Dialect, generated: &Generated) {
    let redacted = redact(&generated.sql, dialect);
    let all = format!("{}|{}", redacted.text, redacted.summary).to_ascii_lowercase();
    assert!(
        !all.contains(TEXT) && !all.contains(NUMBER),
        "{dialect:?} {}\n  -> {all}",
        generated.sql
    );
    let cut = redacted.text.ends_with("?…");
    assert_eq!(
        cut, !generated.whole,
        "{dialect:?} {}\n  -> {}",
        generated.sql, redacted.text
    );
    assert!(!redacted.summary.is_empty() && redacted.summary.len() <= 255);
}

/// 100,000 of each dialect. `engines.rs` checks that such statements are valid.
#[test]
fn generated_statements_leak_nothing_and_are_not_cut() {
    std::thread::scope(|scope| {
        for (_, dialect) in ENGINES {
            scope.spawn(move || {
                let mut generator = Generator::new(dialect, 7);
                for _ in 0..100_000 {
                    check(dialect, &generator.statement());
                }
            });
        }
    });
}

/// The kept words are a subsequence of the words that sqlparser's tokenizer finds, so none is part of a literal or a
/// comment.
#[test]
fn another_tokenizer_finds_the_same_words() {
    for (name, dialect) in ENGINES {
        let mut generator = Generator::new(dialect, 11);
        let generated = (0..4_000).map(|_| generator.statement().sql);
        // sqlparser does not recognise non-ASCII white space
        let blank = |c: char| c.is_whitespace() && !c.is_ascii() || c == '\u{feff}';
        let plain = |sql: &String| !sql.contains(blank);
        let written = cases()
            .into_iter()
            .filter(|case| case.dialect == dialect)
            .map(|case| case.sql)
            .filter(plain);
        let (mut compared, mut refused) = (0, 0);
        for sql in generated.chain(written) {
            let text = redact(&sql, dialect).text;
            let text = text.trim_end_matches("?…");
            let (Some(all), Some(kept)) = (words(dialect, &sql), words(dialect, text)) else {
                refused += 1;
                continue;
            };
            let mut rest = all.iter();
            for word in &kept {
                assert!(
                    rest.any(|other| other == word),
                    "{name}: {word} of {sql}\n  -> {text}"
                );
            }
            compared += 1;
        }
        assert!(
            refused * 10 < compared,
            "{name}: it refused {refused}, compared {compared}"
        );
    }
}

/// The words and names of a statement, by sqlparser's tokenizer.
fn words(dialect: Dialect, sql: &str) -> Option<Vec<String>> {
    let tokens = match dialect {
        Dialect::Postgres => Tokenizer::new(&PostgreSqlDialect {}, sql)
            .with_unescape(false)
            .tokenize(),
        Dialect::MySql => Tokenizer::new(&MySqlDialect {}, sql)
            .with_unescape(false)
            .tokenize(),
        _ => Tokenizer::new(&SQLiteDialect {}, sql)
            .with_unescape(false)
            .tokenize(),
    };
    let word = |token| {
        if let Token::Word(word) = token {
            Some(word.value)
        } else {
            None
        }
    };
    Some(tokens.ok()?.into_iter().filter_map(word).collect())
}

#[test]
fn hostile_statements_are_redacted_within_bounds_and_leak_nothing() {
    for size in [10_000, 1_000_000] {
        for sql in hostile(size) {
            for dialect in DIALECTS {
                let redacted = redact(&sql, dialect);
                sql::check(dialect, &sql);
                assert!(
                    !redacted.text.contains("SECRET") && !redacted.text.contains("4711"),
                    "{}",
                    redacted.text
                );
            }
        }
    }
}

#[test]
fn lists_of_any_length_are_one_value() {
    let list = format!(
        "SELECT a FROM t WHERE b IN ({}'x') AND c = 1",
        "'SECRET', ".repeat(2_000)
    );
    let rows = format!(
        "INSERT INTO t VALUES {}('x', 2) RETURNING a",
        "('SECRET', -1.5), ".repeat(1_500)
    );
    for dialect in DIALECTS {
        assert_eq!(
            redact(&list, dialect).text,
            "SELECT a FROM t WHERE b IN (?) AND c = ?"
        );
        assert_eq!(
            redact(&rows, dialect).text,
            "INSERT INTO t VALUES (?) RETURNING a"
        );
    }
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(DIALECTS.to_vec())
}

proptest! {
    #[test]
    fn any_bytes_are_redacted_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), dialect in any_dialect()) {
        let sql = String::from_utf8_lossy(&bytes);
        sql::check(dialect, &sql);
        prop_assert!(redact(&sql, dialect).text.len() <= sql.len() * 2 + 8);
    }

    #[test]
    fn sql_like_noise_is_redacted(sql in "([a-zA-Z'\"`$\\\\?:;,.()\\[\\]*/#@ -]|--|/\\*|\\*/|[0-9]|SELECT|VALUES|FROM|IN|\\(|U&|é){0,80}", dialect in any_dialect()) {
        sql::check(dialect, &sql);
    }

    /// Removes a piece of a statement at any place.
    #[test]
    fn damaged_statements_keep_no_value(seed in 1_u64..u64::MAX, at in 0_usize..2_000, cut in 0_usize..40, which in 0_usize..3) {
        let dialect = ENGINES[which].1;
        let sql = Generator::new(dialect, seed).statement().sql;
        let at = (0..=at % (sql.len() + 1)).rev().find(|at| sql.is_char_boundary(*at)).unwrap_or(0);
        let end = (at..=sql.len()).find(|end| *end >= at + cut && sql.is_char_boundary(*end)).unwrap_or(sql.len());
        // a removed quote may turn a literal into words, so only values are checked
        sql::check(dialect, &format!("{}{}", &sql[..at], &sql[end..]));
    }
}

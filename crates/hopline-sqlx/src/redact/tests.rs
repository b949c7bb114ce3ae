//! Facts about a statement that only this crate uses. Texts and summaries are tested in `tests/redaction.rs`.

use super::Dialect::{MySql, Other, Postgres, Sqlite};
use super::redact;

#[test]
fn no_token_exceeds_the_limit() {
    for sql in [
        "w".repeat(30_000),
        format!("SELECT \"{}\"", "n".repeat(30_000)),
        format!("SELECT :{}", "m".repeat(30_000)),
    ] {
        for dialect in [Postgres, Sqlite, Other] {
            assert!(redact(&sql, dialect).text.len() <= 4096 + " ?…".len());
        }
    }
}

#[test]
fn writes_are_distinguished_from_reads() {
    let writes = |sql| redact(sql, Postgres).writes;
    for sql in [
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "SELECT 1; UPDATE t SET a = 1",
        "/* c */ DELETE FROM t",
        "WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d",
        "REPLACE INTO t VALUES (1)",
    ] {
        assert!(writes(sql), "{sql}");
    }
    for sql in [
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT a FROM t FOR UPDATE",
        "EXPLAIN (ANALYZE, BUFFERS) SELECT 1",
        "SELECT replace(a, 'x', 'y') FROM t",
        "SELECT insert(a, 1, 2, 'y') FROM t",
    ] {
        assert!(!writes(sql), "{sql}");
    }
}

#[test]
fn statements_are_counted_if_all_were_read() {
    for (sql, count) in [
        ("", Some(0)),
        ("SELECT 1", Some(1)),
        ("SELECT 1;", Some(1)),
        (";;SELECT 1; ;ANALYZE", Some(2)),
        ("EXPLAIN SELECT 1; DELETE FROM t", Some(2)),
        ("WITH a AS (SELECT 1) SELECT * FROM a", Some(1)),
        ("SELECT 1; SET a = b; SELECT 2", None),
        ("SELECT 'open", None),
    ] {
        assert_eq!(redact(sql, Postgres).statements, count, "{sql}");
    }
}

#[test]
fn a_single_call_names_its_procedure() {
    for (sql, procedure) in [
        ("CALL ship_order($1)", Some("ship_order")),
        ("call s.`p`(?)", Some("s.`p`")),
        ("CALL a(); CALL b()", None),
        ("SELECT 1; CALL a()", None),
        ("SELECT f(1)", None),
        ("CALL", None),
    ] {
        assert_eq!(redact(sql, MySql).procedure(), procedure, "{sql}");
    }
}

#[test]
fn a_long_summary_ends_between_names() {
    let names: Vec<String> = (0..200).map(|i| format!("table_{i}")).collect();
    let summary = redact(&format!("SELECT 1 FROM {}", names.join(", ")), Postgres).summary;
    let kept: Vec<&str> = summary.split(' ').skip(1).collect();
    assert!(summary.len() <= 255 && summary.len() > 240);
    assert_eq!(kept, names[..kept.len()]);

    let qualified = format!("SELECT 1 FROM a.{} JOIN b", "x".repeat(250));
    assert_eq!(redact(&qualified, Sqlite).summary, "SELECT");
}

//! Statements with the text and summary they must have.

use proptest::prelude::*;

use super::redact;
use crate::database::Dialect::{self, MySql, Other, Postgres, Sqlite};

#[track_caller]
fn check(dialect: Dialect, sql: &str, text: &str, summary: &str) {
    let redacted = redact(sql, dialect);
    assert_eq!(
        (redacted.text.as_str(), redacted.summary.as_str()),
        (text, summary),
        "{dialect:?}: {sql}"
    );
}

#[track_caller]
fn everywhere(sql: &str, text: &str, summary: &str) {
    for dialect in [Postgres, MySql, Sqlite, Other] {
        check(dialect, sql, text, summary);
    }
}

#[test]
fn values_go_and_structure_stays() {
    everywhere("SELECT 1", "SELECT ?", "SELECT");
    everywhere(
        "select * from t where a = 'x'",
        "select * from t where a = ?",
        "select t",
    );
    everywhere(
        "SELECT a, b FROM t WHERE a='it''s' AND b<>2.5e-3",
        "SELECT a, b FROM t WHERE a=? AND b<>?",
        "SELECT t",
    );
    everywhere("SELECT  a\n\tFROM   t", "SELECT a FROM t", "SELECT t");
    everywhere(
        "SELECT a FROM t WHERE b = ?",
        "SELECT a FROM t WHERE b = ?",
        "SELECT t",
    );
    everywhere(
        "SELECT col1, t2.c3 FROM t2",
        "SELECT col1, t2.c3 FROM t2",
        "SELECT t2",
    );
    everywhere(
        "SELECT 12abc, 0xFF, 1_000, 3.14, 7.",
        "SELECT ?, ?, ?, ?, ?",
        "SELECT",
    );
    everywhere(
        "SELECT a FROM t WHERE ok = TRUE AND n IS NULL AND b IS FALSE",
        "SELECT a FROM t WHERE ok = ? AND n IS NULL AND b IS FALSE",
        "SELECT t",
    );
    everywhere(
        "UPDATE t SET a = 'x', b = b + 1 WHERE c = 3",
        "UPDATE t SET a = ?, b = b + ? WHERE c = ?",
        "UPDATE t",
    );
    everywhere(
        "DELETE FROM s.t WHERE a = 'x'",
        "DELETE FROM s.t WHERE a = ?",
        "DELETE s.t",
    );
    everywhere("SELECT '' FROM t", "SELECT ? FROM t", "SELECT t");
    check(
        Postgres,
        "SELECT a::text FROM t WHERE b @> $1 AND c ->> 'k' = $2",
        "SELECT a::text FROM t WHERE b @> $1 AND c ->> ? = $2",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT a ? 'k', b ?| $1 FROM t",
        "SELECT a ? ?, b ?| $1 FROM t",
        "SELECT t",
    );
    check(
        Sqlite,
        "SELECT ?1, :name, @at, $d FROM t",
        "SELECT ?1, :name, @at, $d FROM t",
        "SELECT t",
    );
    check(
        MySql,
        "SELECT @x, @@version FROM t",
        "SELECT @x, @@version FROM t",
        "SELECT t",
    );
}

#[test]
fn comments_go() {
    everywhere(
        "SELECT 1 -- card 4242\nFROM t",
        "SELECT ? FROM t",
        "SELECT t",
    );
    everywhere(
        "/* tenant=acme */ SELECT a FROM t",
        "SELECT a FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT /* a /* nested */ secret */ a FROM t",
        "SELECT a FROM t",
        "SELECT t",
    );
    check(
        Other,
        "SELECT /* a /* nested */ secret */ a FROM t",
        "SELECT ?…",
        "SELECT",
    );
    check(
        MySql,
        "SELECT a # secret\nFROM t",
        "SELECT a FROM t",
        "SELECT t",
    );
    check(
        MySql,
        "SELECT 5--3 FROM t",
        "SELECT ?--? FROM t",
        "SELECT t",
    );
    check(
        MySql,
        "SELECT /*! secret */ a FROM t",
        "SELECT a FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT a #> $1 FROM t",
        "SELECT a #> $1 FROM t",
        "SELECT t",
    );
}

#[test]
fn quotes_are_read_as_the_dialect_has_them() {
    check(
        Postgres,
        r#"SELECT "Na me" FROM "My Table""#,
        r#"SELECT "Na me" FROM "My Table""#,
        r#"SELECT "My Table""#,
    );
    check(
        MySql,
        r#"SELECT "secret" FROM `my table`"#,
        "SELECT ? FROM `my table`",
        "SELECT `my table`",
    );
    check(
        Sqlite,
        r#"SELECT "secret" FROM "my table""#,
        r#"SELECT ? FROM "my table""#,
        r#"SELECT "my table""#,
    );
    check(
        Sqlite,
        r#"SELECT t."col" FROM [my t]"#,
        r#"SELECT t."col" FROM [my t]"#,
        "SELECT [my t]",
    );
    check(
        Other,
        r#"SELECT "secret" FROM t"#,
        "SELECT ? FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        r"SELECT E'a\'secret' FROM t",
        "SELECT ? FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT $$secret$$, $tag$a $$ b$tag$ FROM t",
        "SELECT ?, ? FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT U&'d\\0061t', B'01', X'ff', N'n' FROM t",
        "SELECT ?, ?, ?, ? FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT a FROM U&\"d\\0061t\"",
        "SELECT a FROM U&\"d\\0061t\"",
        "SELECT U&\"d\\0061t\"",
    );
    check(
        MySql,
        "SELECT _utf8mb4'secret', x'ff' FROM t",
        "SELECT ?, ? FROM t",
        "SELECT t",
    );
    check(Sqlite, r"SELECT 'a\' FROM t", "SELECT ? FROM t", "SELECT t");
    check(
        MySql,
        r"SELECT 'a\\b' FROM t",
        "SELECT ? FROM t",
        "SELECT t",
    );
}

#[test]
fn what_is_not_certain_ends_the_text() {
    check(
        Postgres,
        r"SELECT 'a\', b FROM t WHERE c = 'secret'",
        "SELECT ?…",
        "SELECT",
    );
    check(
        MySql,
        r"SELECT 'a\', b FROM t WHERE c = 'secret'",
        "SELECT ?…",
        "SELECT",
    );
    check(Other, r"SELECT 'a\'b' FROM t", "SELECT ?…", "SELECT");
    everywhere("SELECT 'open", "SELECT ?…", "SELECT");
    everywhere("SELECT a FROM t /* open", "SELECT a FROM t ?…", "SELECT t");
    check(Postgres, "SELECT \"open", "SELECT ?…", "SELECT");
    check(Postgres, "SELECT $a$ open", "SELECT ?…", "SELECT");
    everywhere("SELECT a \\ 'x'", "SELECT a ?…", "SELECT");
    everywhere("SELECT a {d '2026-01-01'}", "SELECT a ?…", "SELECT");
    everywhere("SELECT a\0secret", "SELECT a ?…", "SELECT");
}

#[test]
fn statements_that_hold_secrets_outside_of_literals_are_cut() {
    everywhere("SET search_path = secret", "SET ?…", "SET");
    everywhere("PRAGMA key = secret", "PRAGMA ?…", "PRAGMA");
    everywhere("ATTACH 'f' AS g KEY secret", "ATTACH ?…", "ATTACH");
    everywhere(
        "CREATE USER app PASSWORD hunter2",
        "CREATE USER ?…",
        "CREATE USER",
    );
    everywhere(
        "ALTER ROLE app WITH PASSWORD 'hunter2'",
        "ALTER ROLE ?…",
        "ALTER ROLE",
    );
    everywhere(
        "GRANT ALL ON t TO u IDENTIFIED BY secret",
        "GRANT ?…",
        "GRANT",
    );
    everywhere("COPY cards FROM stdin 4242", "COPY cards ?…", "COPY cards");
    check(
        Postgres,
        "COPY \"Cards\" (pan) FROM stdin",
        "COPY \"Cards\" ?…",
        "COPY \"Cards\"",
    );
    check(
        Postgres,
        "DO $$ BEGIN PERFORM secret; END $$",
        "DO ?…",
        "DO",
    );
    everywhere(
        "SELECT 1; SET x = secret; SELECT 2",
        "SELECT ?; SET ?…",
        "SELECT SET",
    );
    everywhere("EXPLAIN SET x = secret", "EXPLAIN SET ?…", "EXPLAIN SET");
    everywhere(
        "CREATE OR REPLACE FUNCTION f() secret",
        "CREATE OR REPLACE FUNCTION ?…",
        "CREATE",
    );
    everywhere("nonsense secret", "nonsense ?…", "nonsense");
    everywhere(
        "ALTER TABLE t ADD x CREDENTIALS secret",
        "ALTER TABLE t ADD x CREDENTIALS ?…",
        "ALTER TABLE t",
    );
    everywhere(
        "SELECT password, secret FROM users WHERE password = 'x'",
        "SELECT password, secret FROM users WHERE password = ?",
        "SELECT users",
    );
}

#[test]
fn what_dialects_differ_in_is_not_guessed() {
    check(
        Sqlite,
        "SELECT a IS DISTINCT FROM \"SECRET\"",
        "SELECT a IS DISTINCT FROM ?",
        "SELECT",
    );
    check(
        Sqlite,
        "SELECT EXISTS \"SECRET\"",
        "SELECT EXISTS ?",
        "SELECT",
    );
    check(
        Sqlite,
        "DROP TABLE IF EXISTS \"t\"",
        "DROP TABLE IF EXISTS \"t\"",
        "DROP TABLE \"t\"",
    );
    for dialect in [Sqlite, MySql] {
        check(
            dialect,
            "SELECT 1 -- note\rSECRET\nFROM t",
            "SELECT ? FROM t",
            "SELECT t",
        );
    }
    check(
        Postgres,
        "SELECT 1 -- note\rFROM t",
        "SELECT ? FROM t",
        "SELECT t",
    );
    check(Other, "SELECT 1 -- note\rSECRET\n", "SELECT ? ?…", "SELECT");
    check(Other, "SELECT a # 'foo\nSECRET'", "SELECT a ?…", "SELECT");
    check(Other, "SELECT 5--'foo\nSECRET'", "SELECT ? ?…", "SELECT");
    check(
        Postgres,
        "SELECT a[:987654], :987654, ?987654",
        "SELECT a[:?], :?, ??",
        "SELECT",
    );
    for sql in ["SELECT $987654SECRET", "SELECT $1$$my SECRET$$"] {
        check(Postgres, sql, "SELECT ?…", "SELECT");
    }
    check(Postgres, "SELECT 1$$my SECRET$$", "SELECT ??", "SELECT");
}

#[test]
fn no_token_is_larger_than_the_bound() {
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
fn writes_are_told_from_reads() {
    let writes = |sql| redact(sql, Postgres).writes;
    for sql in [
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "SELECT 1; UPDATE t SET a = 1",
        "/* c */ DELETE FROM t",
        "WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d",
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
fn explanations_keep_their_options() {
    check(
        Postgres,
        "EXPLAIN (ANALYZE, BUFFERS) SELECT a FROM t WHERE b = 1",
        "EXPLAIN (ANALYZE, BUFFERS) SELECT a FROM t WHERE b = ?",
        "EXPLAIN SELECT t",
    );
    check(
        Postgres,
        "(SELECT 1) UNION (SELECT b FROM t)",
        "(SELECT ?) UNION (SELECT b FROM t)",
        "SELECT SELECT t",
    );
}

#[test]
fn lists_become_one() {
    everywhere(
        "SELECT a FROM t WHERE b IN (1, 2, 3)",
        "SELECT a FROM t WHERE b IN (?)",
        "SELECT t",
    );
    everywhere(
        "SELECT a FROM t WHERE b NOT IN ('x','y') AND c = 1",
        "SELECT a FROM t WHERE b NOT IN (?) AND c = ?",
        "SELECT t",
    );
    check(
        Postgres,
        "SELECT a FROM t WHERE b IN ($1, $2)",
        "SELECT a FROM t WHERE b IN (?)",
        "SELECT t",
    );
    everywhere(
        "SELECT a FROM t WHERE b IN (-1, +2)",
        "SELECT a FROM t WHERE b IN (?)",
        "SELECT t",
    );
    everywhere(
        "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 1)",
        "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = ?)",
        "SELECT t SELECT u",
    );
    everywhere(
        "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, 'z')",
        "INSERT INTO t (a, b) VALUES (?)",
        "INSERT t",
    );
    everywhere(
        "INSERT INTO t VALUES (1), (2) ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING",
        "INSERT t",
    );
    everywhere(
        "INSERT INTO t VALUES (now(), 'x'), (now(), 'y')",
        "INSERT INTO t VALUES (now(), ?), (now(), ?)",
        "INSERT t",
    );
    everywhere(
        "SELECT coalesce(a, 1, 2) FROM t",
        "SELECT coalesce(a, ?, ?) FROM t",
        "SELECT t",
    );
    check(
        Postgres,
        "INSERT INTO t VALUES ($1, $2), ($3, $4) RETURNING id",
        "INSERT INTO t VALUES (?) RETURNING id",
        "INSERT t",
    );
}

#[test]
fn summaries_name_operations_and_targets() {
    let summary = |sql| redact(sql, Postgres).summary;
    for (sql, expected) in [
        (
            "SELECT * FROM a JOIN b ON a.id = b.id LEFT JOIN s.c USING (id)",
            "SELECT a b s.c",
        ),
        ("SELECT * FROM a x, b AS y WHERE x.i = y.i", "SELECT a b"),
        (
            "INSERT INTO shipping SELECT id FROM orders",
            "INSERT shipping SELECT orders",
        ),
        (
            "WITH recent AS (SELECT id FROM orders) SELECT * FROM recent JOIN lines ON true",
            "SELECT orders SELECT lines",
        ),
        (
            "SELECT extract(year FROM at) FROM t WHERE a IS DISTINCT FROM b",
            "SELECT t",
        ),
        (
            "SELECT * FROM (SELECT 1 FROM inner_t) AS q",
            "SELECT SELECT inner_t",
        ),
        ("SELECT a FROM t FOR UPDATE", "SELECT t"),
        ("SELECT replace(a, 'x', 'y') FROM t", "SELECT t"),
        ("VACUUM orders", "VACUUM"),
        ("USE shop", "USE"),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
            "INSERT t",
        ),
        (
            "UPDATE ONLY t SET a = 1 FROM u WHERE t.i = u.i",
            "UPDATE t u",
        ),
        ("DELETE FROM t USING u WHERE t.i = u.i", "DELETE t"),
        (
            "CREATE TABLE IF NOT EXISTS orders (id INT REFERENCES other(id) ON DELETE CASCADE)",
            "CREATE TABLE orders",
        ),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX i"),
        ("DROP TABLE s.orders", "DROP TABLE s.orders"),
        ("TRUNCATE TABLE orders", "TRUNCATE TABLE orders"),
        ("BEGIN", "BEGIN"),
        (
            "EXPLAIN ANALYZE SELECT a FROM t",
            "EXPLAIN ANALYZE SELECT t",
        ),
        ("SELECT a FROM t; DELETE FROM u", "SELECT t DELETE u"),
        ("CALL ship_order($1)", "CALL ship_order"),
        ("", ""),
    ] {
        assert_eq!(summary(sql), expected, "{sql}");
    }
}

#[test]
fn long_statements_are_bounded() {
    let long = format!(
        "SELECT a FROM t WHERE b IN ({}'end')",
        "'secret', ".repeat(200_000)
    );
    let redacted = redact(&long, Postgres);
    assert_eq!(redacted.summary, "SELECT t");
    assert!(
        redacted.text.len() < 5000 && redacted.text.ends_with("?…"),
        "{}",
        redacted.text.len()
    );
    let wide = format!(
        "SELECT {} FROM t",
        vec!["a_long_column_name"; 1000].join(", ")
    );
    let redacted = redact(&wide, Postgres);
    assert!(redacted.text.len() < 4200 && redacted.text.ends_with("?…"));
    let many = format!(
        "SELECT 1 FROM {}",
        (0..200)
            .map(|i| format!("table_{i}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let summary = redact(&many, Postgres).summary;
    assert!(
        summary.len() <= 255
            && summary
                .split(' ')
                .skip(1)
                .all(|name| name.starts_with("table_") && name.len() >= 7),
        "{summary}"
    );
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Postgres), Just(MySql), Just(Sqlite), Just(Other)]
}

proptest! {
    #[test]
    fn anything_is_answered(sql in any::<String>(), dialect in any_dialect()) {
        let redacted = redact(&sql, dialect);
        prop_assert!(redacted.text.len() <= sql.len() * 2 + 8);
    }

    #[test]
    fn sql_like_noise_is_answered(sql in "([a-zA-Z'\"`$\\\\?:;,.()\\[\\]*/#@ -]|--|/\\*|\\*/|[0-9]|SELECT|VALUES|FROM){0,60}", dialect in any_dialect()) {
        let redacted = redact(&sql, dialect);
        prop_assert!(redacted.summary.len() <= 255);
    }

    /// A marker in a literal of any form, anywhere in a statement, never comes out.
    #[test]
    fn no_literal_leaks(
        dialect in any_dialect(),
        before in "[a-z' \\\\\"$]{0,12}",
        form in 0_usize..6,
        after in "[a-z'\" ;()-]{0,12}",
    ) {
        let marker = "SECRETMARKER";
        let literal = match (form, dialect) {
            (0, _) => format!("'{}{marker}'", before.replace('\'', "''").replace('\\', "")),
            (1, Postgres) => format!("$x${before}{marker}$x$").replace("$x$$", "$x$ $"),
            (2, Postgres) => format!("E'{}\\'{marker}'", before.replace(['\'', '\\'], "")),
            (3, MySql | Other) => format!("\"{}{marker}\"", before.replace(['"', '\\'], "")),
            (4, _) => format!("'{marker}' /* {marker} */"),
            (5, _) => format!("1{marker}"),
            _ => format!("'{marker}''{marker}'"),
        };
        for sql in [
            format!("SELECT a FROM t WHERE b = {literal} AND c = 1"),
            format!("INSERT INTO t VALUES ({literal}, {literal}), (1, {literal})"),
            format!("UPDATE t SET a = {literal} -- {marker}\nWHERE x IN ({literal}) {after}"),
        ] {
            let redacted = redact(&sql, dialect);
            prop_assert!(!redacted.text.contains(marker) && !redacted.summary.contains(marker), "{} -> {}", sql, redacted.text);
        }
    }
}

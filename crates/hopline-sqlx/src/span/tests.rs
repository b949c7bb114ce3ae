//! The statement cache, and the text that each setting records.

use hopline_core::AttrSet;

use super::parsed_text::RawText;
use super::statement_cache::{ParsedStatement, hash, slot};
use crate::database::Dialect::{self, MySql, Postgres};
use crate::database::Endpoint;
use crate::log::LogSettings;
use crate::redact::redact;
use crate::settings::{QueryText, RawEvents, Settings};

fn settings(dialect: Dialect, namespace: &str) -> Settings {
    let endpoint = Endpoint::new("test", dialect)
        .address("db.internal")
        .port(1)
        .namespace(namespace);
    Settings::new(endpoint, LogSettings::default(), RawEvents::Never)
}

/// A statement with bound values and without notes.
fn bound(sql: &str) -> RawText<'_> {
    RawText {
        sql,
        parameterised: true,
        has_summary: false,
    }
}

fn text(set: &AttrSet, key: &str) -> Option<String> {
    let mut all = set.iter();
    let (_, value) = all.find(|(found, _)| *found == key)?;
    Some(value.to_string())
}

#[test]
fn cached_statements_equal_parsed_ones() {
    let all = [
        settings(Postgres, "one"),
        settings(MySql, "two"),
        settings(MySql, "three"),
    ];
    let statements: Vec<String> = (0..500)
        .map(|i| format!("SELECT a{i} FROM \"t{i}\" WHERE b = 'x{i}' AND c = $1"))
        .collect();
    for round in 0..3 {
        for (at, sql) in statements.iter().enumerate() {
            // repeated at once, with other settings, and after its slot was taken
            for (settings, has_summary) in [
                (&all[0], false),
                (&all[1], false),
                (&all[1], false),
                (&all[1], true),
                (&all[2], true),
            ] {
                let raw = RawText {
                    sql,
                    parameterised: (at + round) % 3 > 0,
                    has_summary,
                };
                let statement = ParsedStatement::new(&raw, settings);
                let redacted = redact(sql, settings.endpoint.dialect);
                let recorded = |key| text(&statement.attributes, key);
                assert_eq!(recorded("db.query.text").as_deref(), Some(&*redacted.text));
                assert_eq!(statement.summary, redacted.summary);
                let summary = Some(&*redacted.summary).filter(|_| !has_summary);
                assert_eq!(recorded("db.query.summary").as_deref(), summary);
                assert_eq!(recorded("db.namespace"), settings.endpoint.namespace);
                let count = 5 + usize::from(!has_summary);
                assert_eq!(statement.attributes.iter().count(), count);
            }
        }
    }
}

#[test]
fn changed_settings_miss_the_cache() {
    let mut settings = settings(Postgres, "one");
    let sql = "SELECT a FROM t WHERE b = $1";
    let text_by = |settings: &Settings| {
        let statement = ParsedStatement::new(&bound(sql), settings);
        text(&statement.attributes, "db.query.text")
    };
    assert_eq!(text_by(&settings).as_deref(), Some(sql));
    let generation = settings.generation();
    settings.change(|settings| settings.only_with_parent = true);
    assert_eq!(
        settings.generation(),
        generation,
        "recorded statements are the same"
    );
    settings.change(|settings| settings.text = QueryText::Omitted);
    assert_eq!(text_by(&settings), None);
}

#[test]
fn only_statements_with_bound_values_are_recorded_verbatim() {
    let mut settings = settings(Postgres, "one");
    settings.change(|settings| settings.text = QueryText::VerbatimIfParameterised);
    let sql = "SELECT a FROM t WHERE b = 'x' AND c = $1";
    let redacted = "SELECT a FROM t WHERE b = ? AND c = $1";
    // each after the other, parsed or cached
    for (parameterised, expected) in [
        (true, sql),
        (false, redacted),
        (true, sql),
        (false, redacted),
    ] {
        let raw = RawText {
            parameterised,
            ..bound(sql)
        };
        let statement = ParsedStatement::new(&raw, &settings);
        let recorded = text(&statement.attributes, "db.query.text");
        assert_eq!(recorded.as_deref(), Some(expected));
    }
}

#[test]
fn a_statement_without_bound_values_is_cached_once_it_is_repeated() {
    let settings = settings(Postgres, "one");
    let is_cached = |sql: &str, parameterised: bool| {
        let raw = RawText {
            parameterised,
            ..bound(sql)
        };
        ParsedStatement::new(&raw, &settings).is_cached()
    };
    let constant = "SELECT name FROM users";
    assert_eq!(
        [false, true, true],
        [(); 3].map(|()| is_cached(constant, false))
    );
    assert!(is_cached("SELECT name FROM users WHERE id = $1", true));
    // texts that run once replace nothing
    for id in 0..1_000 {
        assert!(!is_cached(
            &format!("SELECT name FROM orders WHERE id = {id}"),
            false
        ));
    }
    assert!(is_cached(constant, false));
    let long = format!("SELECT name FROM users WHERE id IN ({})", "1, ".repeat(400));
    assert_eq!([false; 3], [(); 3].map(|()| is_cached(&long, false)));
}

/// Also beside bound values, and with `QueryText::VerbatimIfParameterised`.
#[test]
fn no_setting_records_a_secret() {
    for sql in [
        "PRAGMA key = 'SECRET'",
        "PRAGMA rekey('SECRET')",
        "PRAGMA hexkey = \"x'SECRET'\"",
        "PRAGMA cipher_salt = 'SECRET'",
        "ATTACH DATABASE 'a.db' AS a KEY 'SECRET'",
        "CREATE USER u PASSWORD 'SECRET'",
        "CREATE USER u IDENTIFIED BY 'SECRET'",
        "CREATE ROLE r LOGIN ENCRYPTED PASSWORD 'SECRET'",
        "ALTER USER u PASSWORD 'SECRET'",
        "ALTER USER u IDENTIFIED WITH mysql_native_password AS 'SECRET'",
        "ALTER ROLE r SET application_name = 'SECRET'",
        "GRANT ALL ON *.* TO u IDENTIFIED BY 'SECRET'",
        "SET PASSWORD FOR u = 'SECRET'",
        "SET PASSWORD = PASSWORD('SECRET')",
        "SET application.key = 'SECRET'",
        "SET SESSION x = 'SECRET'",
        "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', PASSWORD 'SECRET')",
        "ALTER SERVER s OPTIONS (SET password 'SECRET')",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 'SECRET')",
        "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'SECRET')",
        "CREATE FOREIGN TABLE t (a int) SERVER s OPTIONS (password 'SECRET')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=SECRET' PUBLICATION p",
        "ALTER SUBSCRIPTION s CONNECTION 'host=h password=SECRET'",
        "ALTER SYSTEM SET primary_conninfo = 'host=h password=SECRET'",
        "ALTER DATABASE d SET app.secret = 'SECRET'",
        "COPY t TO PROGRAM 'curl -u u:SECRET h'",
        "COPY (SELECT a FROM t WHERE b = $1) TO PROGRAM 'curl -u u:SECRET h'",
        "CHANGE MASTER TO MASTER_HOST = 'h', MASTER_PASSWORD = 'SECRET'",
        "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'SECRET'",
        "START REPLICA USER = 'u' PASSWORD = 'SECRET'",
        "CREATE TABLE t (a int) ENGINE = FEDERATED CONNECTION = 'mysql://u:SECRET@h/d/t'",
        "CREATE DATABASE d PASSWORD 'SECRET'",
        "LOAD DATA INFILE 'SECRET' INTO TABLE t",
        "DO $$ BEGIN PERFORM 'SECRET'; END $$",
        "EXECUTE IMMEDIATE 'SECRET'",
        "EXPLAIN SELECT crypt('SECRET', $1)",
        "NOTIFY c, 'SECRET'",
        "SELECT pgp_sym_encrypt($1, 'SECRET')",
        "SELECT PGP_SYM_DECRYPT(a, 'SECRET') FROM t WHERE b = $1",
        "SELECT encrypt($1, 'SECRET', 'aes')",
        "SELECT AES_ENCRYPT(a, 'SECRET') FROM t WHERE b = ?",
        "SELECT crypt('SECRET', a) FROM t WHERE b = $1",
        "SELECT hmac($1, 'SECRET', 'sha256')",
        "SELECT a FROM t WHERE b = md5('SECRET') AND c = $1",
        "SELECT * FROM dblink('host=h user=u', 'SELECT ''SECRET''') AS t(a int) WHERE a = $1",
        "SELECT dblink_connect($1, 'host=h SECRET')",
        "SELECT set_config('app.x', 'SECRET', $1)",
        "UPDATE users SET password = 'SECRET' WHERE id = $1",
        "INSERT INTO users (id, \"passWord\") VALUES ($1, 'SECRET')",
        "INSERT INTO tokens VALUES ($1, 'SECRET')",
        "SELECT a FROM t WHERE api_key = 'SECRET' AND b = $1",
        "SELECT load('postgres://u:SECRET@h/d', $1)",
        "SELECT a FROM t WHERE b = $1; SET x = 'SECRET'",
        "CALL login($1, 'user=u password=SECRET')",
        "SELECT a FROM t WHERE b = $1 AND c = 'SECRET",
    ] {
        for dialect in [Postgres, MySql, Dialect::Sqlite, Dialect::Other] {
            for query_text in [
                QueryText::Redacted,
                QueryText::VerbatimIfParameterised,
                QueryText::Omitted,
            ] {
                let mut settings = settings(dialect, "one");
                settings.change(|settings| settings.text = query_text);
                let statement = ParsedStatement::new(&bound(sql), &settings);
                let recorded: Vec<String> = statement
                    .attributes
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                assert!(
                    !recorded.concat().contains("SECRET"),
                    "{dialect:?} {query_text:?} {sql}: {recorded:?}"
                );
            }
        }
    }
}

#[test]
fn nested_statements_have_separate_caches() {
    let settings = settings(Postgres, "one");
    let outer = ParsedStatement::new(&bound("SELECT a FROM t"), &settings);
    let inner = ParsedStatement::new(&bound("DELETE FROM u"), &settings);
    assert_eq!(
        (outer.summary.as_str(), inner.summary.as_str()),
        ("SELECT t", "DELETE u")
    );
    assert!(inner.writes && !outer.writes);
}

#[test]
fn statements_are_spread_over_the_slots() {
    for suffix in ["", " WHERE id = $1", " WHERE name = $1 ORDER BY id"] {
        let slots: std::collections::HashSet<usize> = (0..64)
            .map(|i| {
                let sql = format!("SELECT name FROM users_{i}{suffix}");
                slot(hash(&bound(&sql), 1))
            })
            .collect();
        assert!(slots.len() > 32, "{}", slots.len());
    }
    let settings: std::collections::HashSet<usize> =
        (0..64).map(|i| slot(hash(&bound("SELECT 1"), i))).collect();
    assert!(settings.len() > 32, "{}", settings.len());
}

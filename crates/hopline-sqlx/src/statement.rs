//! What is recorded of a statement, remembered for the next time, and the memory for it.

use std::cell::Cell;
use std::ops::Deref;

use hopline_core::AttrSet;

use crate::redact::{Lists, Redacted, redact_into};
use crate::settings::Settings;

/// A statement that was read: recording one allocates nothing, and one that this thread saw lately is not read again.
///
/// Reading costs a statement of 40 bytes some 6,000 instructions, which is much beside a query; to find it again, some
/// hundred. Only statements with bound values are remembered: few, and sqlx's own cache holds the same texts.
///
/// The memory is given back when it is dropped. Taken twice at a time, the second is new.
pub(crate) struct Statement {
    /// There until it is dropped.
    memory: Option<Box<Memory>>,
    /// Which of those seen it is.
    seen: Option<usize>,
}

/// A statement that is to be recorded.
#[derive(Clone, Copy)]
pub(crate) struct Unread<'a> {
    pub(crate) sql: &'a str,
    /// It has bound values.
    pub(crate) parameterised: bool,
    /// The application itself says it in a few words.
    pub(crate) has_summary: bool,
}

/// What is recorded of a statement, and what is to be known of it.
#[derive(Clone, Default)]
pub(crate) struct Read {
    /// Those of the database, too.
    pub(crate) attributes: AttrSet,
    pub(crate) summary: String,
    /// It changes rows.
    pub(crate) writes: bool,
}

/// Statements that a thread remembers; a newer one takes the place of one with the same slot.
const SEEN: usize = 64;

/// Bytes of a statement beyond which it is not remembered: with what is recorded of them, all together are half a MiB a
/// thread at most where a database's names are of ordinary length.
const LONGEST: usize = 1024;

thread_local! {
    static USED: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

static NOTHING: Read = Read {
    attributes: AttrSet::new(),
    summary: String::new(),
    writes: false,
};

/// What reading a statement needs.
#[derive(Default)]
struct Memory {
    lists: Lists,
    redacted: Redacted,
    read: Read,
    /// Empty until the first is remembered.
    seen: Vec<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    sql: String,
    /// The number of the settings it was read by; zero is of none.
    settings: u64,
    has_summary: bool,
    read: Read,
}

impl Statement {
    /// Reads a statement, or remembers what it is.
    pub(crate) fn of(unread: &Unread<'_>, settings: &Settings) -> Self {
        // while the thread ends there is none
        let used = USED.try_with(Cell::take).unwrap_or_default();
        let mut memory = used.unwrap_or_default();
        let lasting = unread.parameterised && unread.sql.len() <= LONGEST;
        let seen = lasting.then(|| slot(unread, settings.number));
        match seen {
            Some(at) => memory.remember(at, unread, settings),
            None => {
                let Memory {
                    lists,
                    redacted,
                    read,
                    ..
                } = &mut *memory;
                read.fill(unread, settings, redacted, lists);
            }
        }
        Self {
            memory: Some(memory),
            seen,
        }
    }
}

impl Deref for Statement {
    type Target = Read;

    fn deref(&self) -> &Read {
        match (self.memory.as_deref(), self.seen) {
            (Some(memory), Some(at)) => &memory.seen[at].read,
            (Some(memory), None) => &memory.read,
            (None, _) => &NOTHING,
        }
    }
}

impl Memory {
    fn remember(&mut self, at: usize, unread: &Unread<'_>, settings: &Settings) {
        if self.seen.is_empty() {
            self.seen.resize(SEEN, Seen::default());
        }
        let seen = &mut self.seen[at];
        let same = (seen.settings, seen.has_summary) == (settings.number, unread.has_summary);
        if same && seen.sql == unread.sql {
            return;
        }
        let (redacted, lists) = (&mut self.redacted, &mut self.lists);
        seen.read.fill(unread, settings, redacted, lists);
        seen.sql.clear();
        seen.sql.push_str(unread.sql);
        (seen.settings, seen.has_summary) = (settings.number, unread.has_summary);
    }
}

impl Read {
    fn fill(
        &mut self,
        unread: &Unread<'_>,
        settings: &Settings,
        redacted: &mut Redacted,
        lists: &mut Lists,
    ) {
        redact_into(redacted, lists, unread.sql, settings.endpoint.dialect);
        settings.describe(&mut self.attributes, unread, redacted);
        self.summary.clear();
        self.summary.push_str(&redacted.summary);
        self.writes = redacted.writes;
    }
}

impl Drop for Statement {
    /// Nothing waits here, and it runs on every way out.
    fn drop(&mut self) {
        let memory = self.memory.take();
        let _ = USED.try_with(|used| used.set(memory));
    }
}

/// Where a statement is remembered, if it is: statements that share a slot only cost each other their place.
fn slot(unread: &Unread<'_>, settings: u64) -> usize {
    let mix =
        |hash: u64, eight: u64| (hash.rotate_left(5) ^ eight).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (sql, by) = (unread.sql, 2 * settings + u64::from(unread.has_summary));
    let (chunks, _) = sql.as_bytes().as_chunks();
    let hash = chunks.iter().fold(sql.len() as u64 ^ by, |hash, chunk| {
        mix(hash, u64::from_le_bytes(*chunk))
    });
    // what is left, together with some of what is in it already
    let hash = match sql.as_bytes().last_chunk() {
        Some(last) => mix(hash, u64::from_le_bytes(*last)),
        None => sql.bytes().fold(hash, |hash, byte| mix(hash, byte.into())),
    };
    (hash >> 58) as usize % SEEN
}

#[cfg(test)]
mod tests {
    use hopline_core::AttrSet;

    use super::*;
    use crate::database::Dialect::{self, MySql, Postgres};
    use crate::database::Endpoint;
    use crate::log::{LogSettings, Loud};
    use crate::redact::redact;
    use crate::settings::QueryText;

    fn settings(dialect: Dialect, namespace: &str) -> Settings {
        let endpoint = Endpoint {
            address: Some("db.internal".to_owned()),
            port: Some(1),
            namespace: Some(namespace.to_owned()),
            ..Endpoint::new("test", dialect)
        };
        Settings::new(endpoint, LogSettings::default(), Loud::No)
    }

    /// One with bound values, of which the application says nothing.
    fn bound(sql: &str) -> Unread<'_> {
        Unread {
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
    fn what_is_remembered_is_what_is_read() {
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
                // each again at once, by other settings, and after others took its place
                for (settings, has_summary) in [
                    (&all[0], false),
                    (&all[1], false),
                    (&all[1], false),
                    (&all[1], true),
                    (&all[2], true),
                ] {
                    let unread = Unread {
                        sql,
                        parameterised: (at + round) % 3 > 0,
                        has_summary,
                    };
                    let statement = Statement::of(&unread, settings);
                    let redacted = redact(sql, settings.endpoint.dialect);
                    let said = |key| text(&statement.attributes, key);
                    assert_eq!(said("db.query.text").as_deref(), Some(&*redacted.text));
                    assert_eq!(statement.summary, redacted.summary);
                    let summary = Some(&*redacted.summary).filter(|_| !has_summary);
                    assert_eq!(said("db.query.summary").as_deref(), summary);
                    assert_eq!(said("db.namespace"), settings.endpoint.namespace);
                    let count = 5 + usize::from(!has_summary);
                    assert_eq!(statement.attributes.iter().count(), count);
                }
            }
        }
    }

    #[test]
    fn settings_that_change_are_others() {
        let mut settings = settings(Postgres, "one");
        let sql = "SELECT a FROM t WHERE b = $1";
        let text_by = |settings: &Settings| {
            let statement = Statement::of(&bound(sql), settings);
            text(&statement.attributes, "db.query.text")
        };
        assert_eq!(text_by(&settings).as_deref(), Some(sql));
        let number = settings.number;
        settings.change(|settings| settings.only_with_parent = true);
        assert_eq!(settings.number, number, "nothing else is recorded");
        settings.change(|settings| settings.text = QueryText::Omitted);
        assert_eq!(text_by(&settings), None);
    }

    #[test]
    fn what_is_recorded_verbatim_is_so_with_bound_values_only() {
        let mut settings = settings(Postgres, "one");
        settings.change(|settings| settings.text = QueryText::VerbatimIfParameterised);
        let sql = "SELECT a FROM t WHERE b = 'x' AND c = $1";
        let redacted = "SELECT a FROM t WHERE b = ? AND c = $1";
        // each behind the other, which was read or is remembered
        for (parameterised, expected) in [
            (true, sql),
            (false, redacted),
            (true, sql),
            (false, redacted),
        ] {
            let unread = Unread {
                parameterised,
                ..bound(sql)
            };
            let statement = Statement::of(&unread, &settings);
            let said = text(&statement.attributes, "db.query.text");
            assert_eq!(said.as_deref(), Some(expected));
        }
    }

    /// Also beside bound values, and where an application asked for text as it is.
    #[test]
    fn a_secret_is_recorded_by_no_choice() {
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
                for choice in [
                    QueryText::Redacted,
                    QueryText::VerbatimIfParameterised,
                    QueryText::Omitted,
                ] {
                    let mut settings = settings(dialect, "one");
                    settings.change(|settings| settings.text = choice);
                    let statement = Statement::of(&bound(sql), &settings);
                    let recorded: Vec<String> = statement
                        .attributes
                        .iter()
                        .map(|(key, value)| format!("{key}={value}"))
                        .collect();
                    assert!(
                        !recorded.concat().contains("SECRET"),
                        "{dialect:?} {choice:?} {sql}: {recorded:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_within_another_has_memory_of_its_own() {
        let settings = settings(Postgres, "one");
        let outer = Statement::of(&bound("SELECT a FROM t"), &settings);
        let inner = Statement::of(&bound("DELETE FROM u"), &settings);
        assert_eq!(
            (outer.summary.as_str(), inner.summary.as_str()),
            ("SELECT t", "DELETE u")
        );
        assert!(inner.writes && !outer.writes);
    }

    #[test]
    fn statements_find_places_of_their_own() {
        for suffix in ["", " WHERE id = $1", " WHERE name = $1 ORDER BY id"] {
            let slots: std::collections::HashSet<usize> = (0..64)
                .map(|i| slot(&bound(&format!("SELECT name FROM users_{i}{suffix}")), 1))
                .collect();
            assert!(slots.len() > 32, "{}", slots.len());
        }
        let settings: std::collections::HashSet<usize> =
            (0..64).map(|i| slot(&bound("SELECT 1"), i)).collect();
        assert!(settings.len() > 32, "{}", settings.len());
    }
}

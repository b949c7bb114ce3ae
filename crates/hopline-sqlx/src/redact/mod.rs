//! Statements without their values.

mod lexer;
mod lists;
mod places;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod words;

use crate::database::Dialect;
pub(crate) use crate::redact::lists::Lists;

/// A statement without its values, and in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The statement with `?` for every literal, without comments. Ends with `?…` where something could not
    /// be read for certain, and where it would exceed 4096 bytes.
    pub text: String,
    /// The operations and their targets in the order of the text, at most 255 bytes: `SELECT orders`.
    pub summary: String,
    /// It changes rows, as far as its text is kept.
    pub(crate) writes: bool,
    /// How many statements it is, where it was read to its end.
    pub(crate) statements: Option<usize>,
    /// It is one statement, which calls a procedure.
    calls: bool,
    /// Reads and writes rows only, and was read to its end.
    data: bool,
}

impl Redacted {
    /// The procedure that it calls.
    pub(crate) fn procedure(&self) -> Option<&str> {
        let (_, name) = self.summary.split_once(' ').filter(|_| self.calls)?;
        Some(name)
    }

    /// False if the statement may hold a secret, so that not even a choice of the application exports its literals.
    ///
    /// A secret is expected in every statement that does more than read and write rows (PRAGMA, SET, CREATE USER,
    /// COPY …), and beside every name that speaks of one, in the text and inside its literals.
    pub(crate) fn may_be_verbatim(&self, sql: &str) -> bool {
        self.data && !speaks_of_secrets(sql)
    }
}

/// Parts of names, in lower case: of columns, of functions that take a password or a key, of connection strings.
const SECRETIVE: [&str; 23] = [
    "auth",
    "cookie",
    "cred",
    "crypt",
    "cvc",
    "cvv",
    "dblink",
    "digest",
    "hmac",
    "identified",
    "jwt",
    "key",
    "md5",
    "otp",
    "passp",
    "passw",
    "pgp_",
    "pwd",
    "salt",
    "secret",
    "set_config",
    "sha",
    "token",
];

fn speaks_of_secrets(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    // `://user:password@host` is one as well
    SECRETIVE.iter().any(|part| lower.contains(part)) || lower.contains("://")
}

/// Bytes of a statement that are looked at; what is beyond is not in the text.
const MAX_INPUT: usize = 32 * 1024;

/// Takes the values out of a statement, and says what it does in a few words.
///
/// Only what is recognised as structure is kept: keywords, names, operators, bind markers. Every literal
/// becomes `?`, with its sign; comments go. In `IN (…)`, `VALUES (…), (…)` and `ARRAY[…]`, items and rows of one
/// shape become one, and neighbouring values and markers become one `?`.
///
/// Where it is not certain what is a literal the text ends with `?…`: at an odd byte, a quote or comment that does
/// not end, a backslash before a quote that a setting of the server gives its meaning. So it does behind the first
/// words of statements that may hold secrets outside of literals: `SET`, `PRAGMA`, `ATTACH`, `DO`, `GRANT`, `CREATE
/// USER`, `ALTER ROLE` and all that is not known to hold none; behind the table of `COPY`, and behind the name of
/// functions, procedures and triggers. Each statement of a text of several is judged by itself.
///
/// Double quotes are a name's in PostgreSQL, a string's in MySQL and where the dialect is not known, and in SQLite a
/// name's only where nothing else can stand: SQLite reads `"id"` as a string where no column has that name.
///
/// 32 KiB are read and 4 KiB written at most, in time that grows with the length. It never panics.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::{Dialect, redact};
///
/// let redacted = redact("SELECT * FROM cards WHERE pan = '4242' AND id IN (1, 2)", Dialect::Postgres);
/// assert_eq!(redacted.text, "SELECT * FROM cards WHERE pan = ? AND id IN (?)");
/// assert_eq!(redacted.summary, "SELECT cards");
///
/// assert_eq!(redact("ALTER USER app PASSWORD hunter2", Dialect::Postgres).text, "ALTER USER ?…");
/// ```
pub fn redact(sql: &str, dialect: Dialect) -> Redacted {
    let mut redacted = Redacted::default();
    redact_into(&mut redacted, &mut Lists::default(), sql, dialect);
    redacted
}

/// The same into memory that is there.
pub(crate) fn redact_into(redacted: &mut Redacted, lists: &mut Lists, sql: &str, dialect: Dialect) {
    let mut input = sql;
    if sql.len() > MAX_INPUT {
        let mut end = MAX_INPUT;
        while !sql.is_char_boundary(end) {
            end -= 1;
        }
        input = &sql[..end];
    }
    let mut text = text::Text::new(std::mem::take(&mut redacted.text), lists, input);
    let mut summary = summary::Summary::new(std::mem::take(&mut redacted.summary));
    let mut lexer = lexer::Lexer::new(input, dialect);
    let mut whole = input.len() == sql.len();
    while let Some(token) = lexer.next_token() {
        if text.token(&token) == text::Verdict::Cut {
            whole = false;
            break;
        }
        summary.token(&token);
    }
    if !whole {
        text.cut();
    }
    let said = summary.finish();
    let data = whole && text.is_data();
    *redacted = Redacted {
        text: text.finish(),
        data,
        summary: said.text,
        writes: said.writes,
        statements: whole.then_some(said.statements),
        calls: said.calls,
    };
}

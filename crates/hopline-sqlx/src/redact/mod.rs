//! Redaction of SQL: statements without their values, for spans, logs and metrics.
//!
//! [`redact`] is a scanner, not a parser: it keeps what it recognises as structure and replaces the rest. The traced
//! types call it for every statement that they record; call it directly to redact a statement for another purpose.
//!
//! ```
//! use hopline_sqlx::redact::{Dialect, redact};
//!
//! let redacted = redact("SELECT * FROM cards WHERE pan = '4242' AND id IN (1, 2)", Dialect::Postgres);
//! assert_eq!(redacted.text, "SELECT * FROM cards WHERE pan = ? AND id IN (?)");
//! assert_eq!(redacted.summary, "SELECT cards");
//! ```
//!
//! | input | text |
//! |---|---|
//! | `WHERE a = 'x' AND b = -1.5` | `WHERE a = ? AND b = ?` |
//! | `IN (1, 2, 3)`, `VALUES (1, 'a'), (2, 'b')` | `IN (?)`, `VALUES (?)` |
//! | `WHERE a = $1`, `= ?`, `= :name` | unchanged |
//! | `-- comment`, `/* comment */` | omitted |
//! | `ALTER USER app PASSWORD hunter2` | `ALTER USER ?…` |
//! | `SELECT 'unterminated` | `SELECT ?…` |
//!
//! # Flow
//!
//! `lexer` splits the statement into tokens. `text` writes the redacted text, with `lists` to shorten lists of values;
//! `summary` writes the operations and their targets. No module here depends on another folder of the crate.

mod dialect;
mod keyword;
mod lexer;
mod lists;
mod name_positions;
mod secrets;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod token;

pub use dialect::Dialect;
pub(crate) use lists::Lists;

/// A redacted statement, returned by [`redact`].
///
/// Only [`redact`] creates one: it has private fields beside the public ones, so fields can be added.
///
/// ```
/// use hopline_sqlx::redact::{Dialect, redact};
///
/// let redacted = redact("UPDATE users SET name = 'Ann' WHERE id = 7", Dialect::Sqlite);
/// assert_eq!(redacted.text, "UPDATE users SET name = ? WHERE id = ?");
/// assert_eq!(redacted.summary, "UPDATE users");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redacted {
    /// The statement with `?` for each literal, without comments. Takes up to 4 KiB.
    ///
    /// Ends with `?…` if the rest was dropped: because it is ambiguous, may contain a secret, or exceeds the limit.
    pub text: String,
    /// The operations and their targets in the order of the text: `SELECT orders`. Takes up to 255 bytes; names are
    /// never cut.
    pub summary: String,
    /// An operation that changes rows occurs in the kept text.
    pub(crate) writes: bool,
    /// The number of statements. None if the text was not read to its end.
    pub(crate) statements: Option<usize>,
    /// The text is a single CALL.
    calls: bool,
    /// The text only reads and writes rows, and was read to its end.
    data: bool,
}

impl Redacted {
    /// The name of the called procedure, if the text is a single CALL.
    pub(crate) fn procedure(&self) -> Option<&str> {
        let (_, name) = self.summary.split_once(' ').filter(|_| self.calls)?;
        Some(name)
    }

    /// Returns false if the statement may contain a secret, so that no setting exports its literals.
    ///
    /// A secret is assumed in every statement that does more than read and write rows (PRAGMA, SET, CREATE USER,
    /// COPY …), and in every text with a name that suggests one.
    pub(crate) fn may_be_verbatim(&self, sql: &str) -> bool {
        self.data && !secrets::mentions_secret(sql)
    }
}

/// The length of input that is read, in bytes. Longer statements are cut.
const MAX_INPUT: usize = 32 * 1024;

/// Redacts a statement: replaces its values with `?`, drops its comments, and summarises its operations.
///
/// Keywords, names, operators and bind markers are kept. A sign belongs to its value. In `IN (…)`, `VALUES (…), (…)`
/// and `ARRAY[…]`, items and rows of equal shape are merged, and adjacent values and markers become one `?`.
///
/// # Uncertain input
///
/// The text ends with `?…` at the first token that cannot be classified with certainty: an unexpected byte, an
/// unterminated quote or comment, a backslash before a quote whose meaning depends on a server setting. It also ends
///
/// * after the first words of statements that may contain a secret outside of a literal: `SET`, `PRAGMA`, `ATTACH`,
///   `DO`, `GRANT`, `CREATE USER`, `ALTER ROLE`, and every statement that is not known to be safe;
/// * after the table of `COPY`;
/// * after the name of a function, procedure or trigger that is defined.
///
/// In a text of several statements, each is judged separately.
///
/// Double quotes enclose a name in PostgreSQL and a string in MySQL and in unknown dialects. In SQLite they enclose a
/// name only where the grammar requires one, since SQLite reads `"id"` as a string if no such column exists.
///
/// # Limits
///
/// Reads up to 32 KiB and returns up to 4 KiB of text, in time linear in the input. Never panics.
///
/// # Examples
///
/// ```
/// use hopline_sqlx::redact::{Dialect, redact};
///
/// let insert = redact("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", Dialect::MySql);
/// assert_eq!(insert.text, "INSERT INTO t (a, b) VALUES (?)");
///
/// let secret = redact("ALTER USER app PASSWORD hunter2", Dialect::Postgres);
/// assert_eq!(secret.text, "ALTER USER ?…");
/// ```
pub fn redact(sql: &str, dialect: Dialect) -> Redacted {
    let mut redacted = Redacted::default();
    redact_into(&mut redacted, &mut Lists::default(), sql, dialect);
    redacted
}

/// Redacts a statement into existing buffers, so that repeated calls do not allocate.
pub(crate) fn redact_into(redacted: &mut Redacted, lists: &mut Lists, sql: &str, dialect: Dialect) {
    let input = &sql[..sql.floor_char_boundary(MAX_INPUT)];
    let mut text = text::TextWriter::new(std::mem::take(&mut redacted.text), lists, input);
    let mut summary = summary::SummaryWriter::new(std::mem::take(&mut redacted.summary));
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
    let outline = summary.finish();
    let data = whole && text.is_data();
    *redacted = Redacted {
        text: text.finish(),
        data,
        summary: outline.summary,
        writes: outline.writes,
        statements: whole.then_some(outline.statements),
        calls: outline.calls,
    };
}

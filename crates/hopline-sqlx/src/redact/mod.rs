//! Statements without their values.

mod lexer;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod words;

use crate::database::Dialect;

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
}

/// Bytes of a statement that are looked at; what is beyond is not in the text.
const MAX_INPUT: usize = 32 * 1024;

/// Takes the values out of a statement, and says what it does in a few words.
///
/// Only what is recognised as structure is kept: keywords, names, operators, placeholders. Every literal
/// becomes `?`; lists of them in `IN (…)` and `VALUES (…)` become one. Where it is not certain what is a
/// literal (an odd byte, an open quote, a backslash whose meaning a server's setting decides) the text
/// ends. Statements that may hold secrets outside of literals (`SET`, `CREATE USER`, `PRAGMA`, `COPY`, …)
/// are kept to their first words.
///
/// Linear in the statement's length, and never panics.
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
    let mut input = sql;
    if sql.len() > MAX_INPUT {
        let mut end = MAX_INPUT;
        while !sql.is_char_boundary(end) {
            end -= 1;
        }
        input = &sql[..end];
    }
    let mut text = text::Text::new();
    let mut summary = summary::Summary::default();
    let mut lexer = lexer::Lexer::new(input, dialect);
    while let Some(token) = lexer.next_token() {
        match text.token(&token) {
            text::Verdict::Kept => summary.token(&token),
            text::Verdict::Last => {
                summary.token(&token);
                text.cut();
                break;
            }
            text::Verdict::Cut => {
                text.cut();
                break;
            }
        }
    }
    if input.len() < sql.len() {
        text.cut();
    }
    let (summary, writes) = summary.finish();
    Redacted {
        text: text.finish(),
        summary,
        writes,
    }
}

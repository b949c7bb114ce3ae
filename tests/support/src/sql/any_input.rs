//! Redaction of any input, SQL or not. For fuzzing, and to replay its seeds.

use hopline_sqlx::redact::{Dialect, redact};

/// All dialects.
pub const DIALECTS: [Dialect; 4] = [
    Dialect::Postgres,
    Dialect::MySql,
    Dialect::Sqlite,
    Dialect::Other,
];

/// Checks the redaction of any bytes: the first selects the dialect, the rest is the statement.
pub fn redact_any(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    check(
        DIALECTS[usize::from(*first) % 4],
        &String::from_utf8_lossy(rest),
    );
}

/// Checks that the redacted text is bounded, the same each time, and contains neither a string nor a number.
///
/// # Panics
///
/// If it is not.
pub fn check(dialect: Dialect, sql: &str) {
    let redacted = redact(sql, dialect);
    assert!(redacted.text.len() <= 4096 + " ?…".len() && redacted.summary.len() <= 255);
    assert_eq!(redacted, redact(sql, dialect));
    if let Some(value) = value_in(dialect, &redacted.text) {
        panic!("{dialect:?} {sql:?} keeps {value:?}: {:?}", redacted.text);
    }
}

/// The first text outside of quoted names that looks like a value.
fn value_in(dialect: Dialect, text: &str) -> Option<&str> {
    let mut before = ' ';
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let closing = match (c, dialect) {
            ('"', Dialect::Postgres | Dialect::Sqlite) => Some('"'),
            ('`', Dialect::MySql | Dialect::Sqlite | Dialect::Other) => Some('`'),
            ('[', Dialect::Sqlite) => Some(']'),
            _ => None,
        };
        let joined = before.is_alphanumeric() || "_$?:@".contains(before) || !before.is_ascii();
        if let Some(closing) = closing {
            // a doubled quote opens again at once
            chars.find(|(_, c)| *c == closing)?;
        } else if c == '\'' || c == '"' || (c.is_ascii_digit() && !joined) {
            return Some(&text[at..]);
        }
        before = c;
    }
    None
}

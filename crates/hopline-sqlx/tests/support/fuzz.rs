//! What must hold of any input, also of none that is SQL. For fuzzing, and to replay its seeds.

use hopline_sqlx::{Dialect, redact};

pub const DIALECTS: [Dialect; 4] = [
    Dialect::Postgres,
    Dialect::MySql,
    Dialect::Sqlite,
    Dialect::Other,
];

/// The first byte says which dialect, the rest is the statement.
pub fn redact_any(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    check(
        DIALECTS[usize::from(*first) % 4],
        &String::from_utf8_lossy(rest),
    );
}

/// The text is bounded, the same each time, and holds neither a string nor a number.
pub fn check(dialect: Dialect, sql: &str) {
    let redacted = redact(sql, dialect);
    assert!(redacted.text.len() <= 4096 + " ?…".len() && redacted.summary.len() <= 255);
    assert_eq!(redacted, redact(sql, dialect));
    if let Some(value) = value_in(dialect, &redacted.text) {
        panic!("{dialect:?} {sql:?} keeps {value:?}: {:?}", redacted.text);
    }
}

/// What looks like a value outside of quoted names.
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
            // a quote that stands twice opens again at once
            chars.find(|(_, c)| *c == closing)?;
        } else if c == '\'' || c == '"' || (c.is_ascii_digit() && !joined) {
            return Some(&text[at..]);
        }
        before = c;
    }
    None
}

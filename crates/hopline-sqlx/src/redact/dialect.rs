//! SQL dialects: the lexical rules by which a statement is read.

/// The SQL dialect of a statement, as far as its literals, names and comments are concerned.
///
/// | dialect | `"x"` | `\` in a string | comments |
/// |---|---|---|---|
/// | [`Postgres`](Self::Postgres) | a name | literal, except in `E'…'` | `--`, nested `/* */` |
/// | [`MySql`](Self::MySql) | a string | an escape, unless the server disables it | `-- `, `#`, `/* */`, executed `/*! */` |
/// | [`Sqlite`](Self::Sqlite) | a name, or a string if no such column exists | literal | `--`, `/* */` |
/// | [`Other`](Self::Other) | a string | unknown | unknown |
///
/// ```
/// use hopline_sqlx::redact::{Dialect, redact};
///
/// let sql = r#"SELECT "pan" FROM cards"#;
/// assert_eq!(redact(sql, Dialect::Postgres).text, r#"SELECT "pan" FROM cards"#);
/// assert_eq!(redact(sql, Dialect::MySql).text, "SELECT ? FROM cards");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// PostgreSQL, and products that use its syntax.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
    /// An unknown product. Redacts everything that any of the dialects would read as a value.
    Other,
}

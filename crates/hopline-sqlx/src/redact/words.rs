//! Which words mean what.

/// Statements whose text is kept. All others may hold a secret that is not a literal.
pub(super) const KEPT: [&str; 39] = [
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CLOSE",
    "COMMENT",
    "COMMIT",
    "CREATE",
    "DECLARE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISCARD",
    "DROP",
    "END",
    "EXPLAIN",
    "FETCH",
    "INSERT",
    "LISTEN",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SHOW",
    "START",
    "TABLE",
    "TRUNCATE",
    "UPDATE",
    "UNLISTEN",
    "USE",
    "VACUUM",
    "VALUES",
    "WITH",
];

/// What CREATE, ALTER and DROP may be about, or what may stand before it.
pub(super) const DEFINED: [&str; 19] = [
    "AGGREGATE",
    "DOMAIN",
    "EXTENSION",
    "INDEX",
    "MATERIALIZED",
    "OR",
    "REPLACE",
    "POLICY",
    "SCHEMA",
    "SEQUENCE",
    "TABLE",
    "TEMP",
    "TEMPORARY",
    "TRIGGER",
    "TYPE",
    "UNIQUE",
    "UNLOGGED",
    "VIEW",
    "VIRTUAL",
];

/// Words after EXPLAIN and the like that do not begin the statement.
pub(super) const EXPLAINING: [&str; 8] = [
    "ANALYSE", "ANALYZE", "EXPLAIN", "EXTENDED", "PLAN", "QUERY", "VERBOSE", "DESCRIBE",
];

/// Clauses whose operand is a secret, quoted or not.
pub(super) const HOT: [&str; 5] = [
    "CREDENTIALS",
    "IDENTIFIED",
    "PASSPHRASE",
    "PASSWORD",
    "SECRET",
];

/// Words that make what stands before them a column, not such a clause.
pub(super) const AFTER_COLUMN: [&str; 17] = [
    "AND", "AS", "ASC", "BLOB", "BYTEA", "CHAR", "DESC", "FROM", "IN", "IS", "LIKE", "NOT", "OR",
    "SET", "TEXT", "VARCHAR", "WHERE",
];

/// Words after which a name stands, so that double quotes are quotes of a name where they could also be a string's.
pub(super) const BEFORE_NAME: [&str; 6] =
    ["INDEX", "INTO", "JOIN", "REFERENCES", "TABLE", "UPDATE"];

/// Case-insensitively.
pub(super) fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

//! Hostile statements.

/// Statements of about `size` bytes that are slow for a parser that looks ahead repeatedly.
pub fn hostile(size: usize) -> Vec<String> {
    let rows = |row: &str| row.repeat(size / row.len());
    let mut all: Vec<String> = [
        "'",
        "\"",
        "`",
        "[",
        "]",
        "(",
        ")",
        "{",
        "$",
        "$a$",
        "$a",
        "--",
        "/*",
        "*/",
        "/*!",
        "\\",
        "'\\",
        "E'",
        "?",
        ":",
        "@",
        "#",
        ";",
        ",",
        ".",
        "-",
        "+-",
        "1e",
        "x",
        "é",
        "\u{a0}",
        "\0",
        "IN (",
        "VALUES (",
        "((1),",
        "WITH a AS (",
        "a,",
        "a.",
        "/**/",
        "'a\\\\'",
        "SET ",
        "U&'",
        "[a]",
        "FROM a,",
    ]
    .iter()
    .map(|piece| format!("SELECT {}", rows(piece)))
    .collect();
    all.push(format!(
        "SELECT a FROM t WHERE b IN ({}'SECRET')",
        rows("'SECRET', ")
    ));
    all.push(format!(
        "SELECT a FROM t WHERE b IN ({}lower('SECRET'))",
        rows("lower('SECRET'), ")
    ));
    all.push(format!(
        "INSERT INTO t VALUES {}('SECRET')",
        rows("('SECRET', 4711, now()), ")
    ));
    all.push(format!("SELECT {} FROM t", rows("'SECRET', ")));
    all.push(format!(
        "WITH {} x AS (SELECT 1) SELECT 1",
        rows("w AS (SELECT 1), ")
    ));
    all
}

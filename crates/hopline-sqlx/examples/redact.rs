//! Redacts statements from standard input, one JSON object in each line.
//!
//! ```sh
//! echo '{"sql":"SELECT 1 FROM t","dialect":"postgresql"}' | cargo run -p hopline-sqlx --example redact
//! ```
//!
//! ```text
//! {"summary":"SELECT t","text":"SELECT ? FROM t"}
//! ```

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use hopline_sqlx::redact::{Dialect, redact};
use serde_json::{Value, json};

fn main() -> ExitCode {
    match answer(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // the reader closed the pipe
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redact: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a line of output for each line of input.
pub(crate) fn answer(statements: impl BufRead, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    for (number, line) in statements.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (sql, dialect) = parse(&line)
            .ok_or_else(|| io::Error::other(format!("line {} is no statement: expected `sql`, and `dialect` of postgresql, mysql, sqlite or other", number + 1)))?;
        let redacted = redact(&sql, dialect);
        writeln!(
            out,
            "{}",
            json!({"text": redacted.text, "summary": redacted.summary})
        )?;
    }
    out.flush()
}

fn parse(line: &str) -> Option<(String, Dialect)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let dialect = match value["dialect"].as_str()? {
        "postgresql" => Dialect::Postgres,
        "mysql" => Dialect::MySql,
        "sqlite" => Dialect::Sqlite,
        "other" => Dialect::Other,
        _ => return None,
    };
    Some((value["sql"].as_str()?.to_owned(), dialect))
}

//! The pages that name tests, `docs/PROMISES.md` and `docs/CASES.md`: each row names tests, and they exist.

use std::path::{Path, PathBuf};

/// A row of a page: a promise or a case, and its tests, each a file and a name.
struct Row {
    text: String,
    tests: Vec<(String, String)>,
}

#[test]
fn each_promise_names_tests_that_exist() {
    assert_eq!(missing(&page("docs/PROMISES.md", 30)), [""; 0]);
}

#[test]
fn each_case_names_tests_that_exist() {
    assert_eq!(missing(&page("docs/CASES.md", 100)), [""; 0]);
}

#[test]
fn a_row_without_a_test_and_a_test_that_is_gone_are_named() {
    let page = "| promise | test |\n|---|---|\n\
                | Nothing breaks. | |\n\
                | Nothing leaks. | `tests/tests/workspace.rs`: `never_written` |\n\
                | Nothing waits. | `tests/tests/workspace.rs`: `root`, `a row, with a comma`; `tests/tests/gone.rs`: `a_test` |";
    assert_eq!(
        missing(&rows(page)),
        [
            "`Nothing breaks.` names no test",
            "`Nothing leaks.`: no `never_written` in tests/tests/workspace.rs",
            "`Nothing waits.`: no `root` in tests/tests/workspace.rs",
            "`Nothing waits.`: no `a row, with a comma` in tests/tests/workspace.rs",
            "`Nothing waits.`: no `a_test` in tests/tests/gone.rs",
        ]
    );
}

/// The rows of a page, which has more than `least` of them.
fn page(path: &str, least: usize) -> Vec<Row> {
    let rows = rows(&std::fs::read_to_string(root().join(path)).unwrap());
    assert!(rows.len() > least, "{path} has {} rows", rows.len());
    rows
}

/// The rows of all tables, without their heads.
fn rows(page: &str) -> Vec<Row> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit_once(" | "));
    let cells = cells.filter(|(text, _)| !["promise", "case"].contains(text));
    let row = |(text, tests): (&str, &str)| Row {
        text: text.to_owned(),
        tests: tests.split("; ").flat_map(of_one_file).collect(),
    };
    cells.map(row).collect()
}

/// `` `file`: `name`, `name` ``
fn of_one_file(tests: &str) -> Vec<(String, String)> {
    // names are between backticks, and may contain commas where they are rows of a table
    let mut quoted = tests.split('`').skip(1).step_by(2);
    let file = quoted.next().unwrap_or_default();
    quoted
        .map(|name| (file.to_owned(), name.to_owned()))
        .collect()
}

fn missing(rows: &[Row]) -> Vec<String> {
    let mut missing = Vec::new();
    for Row { text, tests } in rows {
        if tests.is_empty() {
            missing.push(format!("`{text}` names no test"));
        }
        for (file, name) in tests {
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            // a function, or a row of a table of tests
            let forms = [format!("fn {name}("), format!("\"{name}\"")];
            if !forms.iter().any(|form| source.contains(form)) {
                missing.push(format!("`{text}`: no `{name}` in {file}"));
            }
        }
    }
    missing
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

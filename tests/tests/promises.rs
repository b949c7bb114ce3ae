//! `docs/PROMISES.md`: each promise has tests, and they exist.

use std::path::{Path, PathBuf};

/// A promise, and the tests that hold it: each a file and a name.
struct Promise {
    text: String,
    tests: Vec<(String, String)>,
}

#[test]
fn each_promise_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/PROMISES.md")).unwrap();
    let promises = promises(&page);
    assert!(promises.len() > 30, "the page was read");
    assert_eq!(missing(&promises), [""; 0]);
}

#[test]
fn a_promise_without_a_test_and_a_test_that_is_gone_are_named() {
    let page = "| promise | test |\n|---|---|\n\
                | Nothing breaks. | |\n\
                | Nothing leaks. | `tests/tests/promises.rs`: `never_written` |\n\
                | Nothing waits. | `tests/tests/gone.rs`: `a_test` |";
    assert_eq!(
        missing(&promises(page)),
        [
            "`Nothing breaks.` names no test",
            "`Nothing leaks.`: no `never_written` in tests/tests/promises.rs",
            "`Nothing waits.`: no `a_test` in tests/tests/gone.rs",
        ]
    );
}

/// The rows of all tables, without their heads.
fn promises(page: &str) -> Vec<Promise> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').split_once(" | "));
    let cells = cells.filter(|(promise, _)| *promise != "promise");
    let promise = |(text, tests): (&str, &str)| Promise {
        text: text.to_owned(),
        tests: tests.split(';').flat_map(of_one_file).collect(),
    };
    cells.map(promise).collect()
}

/// `` `file`: `name`, `name` ``
fn of_one_file(tests: &str) -> Vec<(String, String)> {
    let Some((file, names)) = tests.split_once(": ") else {
        return Vec::new();
    };
    let bare = |text: &str| text.trim().trim_matches('`').to_owned();
    let names = names.split(',').map(bare);
    names.map(|name| (bare(file), name)).collect()
}

fn missing(promises: &[Promise]) -> Vec<String> {
    let mut missing = Vec::new();
    for Promise { text, tests } in promises {
        if tests.is_empty() {
            missing.push(format!("`{text}` names no test"));
        }
        for (file, name) in tests {
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            // a function, or a case of a test that is its own harness
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

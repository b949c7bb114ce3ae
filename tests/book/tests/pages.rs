//! The pages: each block has a language, and each page with Rust code is compiled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hopline_test_support::pages::{self, fences};

/// The words that may begin the line above a block.
const LANGUAGES: [&str; 10] = [
    "http", "json", "promql", "rust", "sh", "sql", "text", "toml", "xml", "yaml",
];

/// Pages whose code is that of another project's report, and is not written for this workspace.
const REPORTS: &str = "docs/upstream";

#[test]
fn each_block_has_a_language() {
    let mut wrong = Vec::new();
    for page in pages() {
        for (line, info) in fences(&page) {
            let language = info.split(',').next().unwrap_or_default();
            if !LANGUAGES.contains(&language) {
                wrong.push(format!("{}:{line}: `{info}`", page.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn each_page_with_rust_code_is_compiled() {
    let compiled = compiled();
    let with_code: Vec<PathBuf> = pages()
        .into_iter()
        .filter(|page| {
            fences(page)
                .iter()
                .any(|(_, info)| info.starts_with("rust"))
        })
        .collect();
    assert!(with_code.len() > 30, "{} pages were read", with_code.len());
    let missing: Vec<String> = with_code
        .iter()
        .filter(|page| !compiled.contains(*page))
        .map(|page| page.display().to_string())
        .collect();
    assert_eq!(missing, [""; 0], "add them to tests/book/src/lib.rs");
}

#[test]
fn code_that_is_not_compiled_has_a_reason() {
    // an option such as `ignore` hides a block from the compiler: the one such block wraps an older sqlx
    let hidden: Vec<String> = pages()
        .iter()
        .flat_map(|page| {
            let page = page.strip_prefix(root()).unwrap().display().to_string();
            let all = fences(&root().join(&page)).into_iter();
            let options = all.filter(|(_, info)| info.starts_with("rust"));
            options
                .filter(|(_, info)| !["rust", "rust,no_run"].contains(&info.as_str()))
                .map(move |(_, info)| format!("{page}: {info}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(hidden, ["docs/migration/sqlx-otel.md: rust,ignore"]);
}

/// The pages of this package's modules, and the README of each crate that has it as documentation.
fn compiled() -> BTreeSet<PathBuf> {
    let own = read(&root().join("tests/book/src/lib.rs"));
    let modules = own.split('"').skip(1).step_by(2);
    let mut compiled: BTreeSet<PathBuf> = modules
        .filter(|text| text.ends_with(".md"))
        .map(|page| root().join(page))
        .collect();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let library = folder.join("src/lib.rs");
        if library.exists() && read(&library).contains("include_str!(\"../README.md\")") {
            compiled.insert(folder.join("README.md"));
        }
    }
    compiled
}

fn pages() -> Vec<PathBuf> {
    let mut pages = pages::find(&root());
    pages.retain(|page| !page.starts_with(root().join(REPORTS)));
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

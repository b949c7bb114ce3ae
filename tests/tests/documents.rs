//! The documents: files and commands that they name exist. Their links are checked by `tests/book`.

use std::path::{Path, PathBuf};

#[test]
fn each_file_of_the_data_flow_exists() {
    let page = read(&root().join("docs/DATA-FLOW.md"));
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let files: Vec<&str> = named
        .into_iter()
        .filter(|name| name.ends_with(".rs"))
        .collect();
    assert!(files.len() > 60, "{} files were read", files.len());
    let there =
        |name: &&str| root().join("crates").join(name).exists() || root().join(name).exists();
    let missing: Vec<&str> = files.into_iter().filter(|name| !there(name)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_command_of_the_workflows_and_pages_exists() {
    let mut pages = vec![root().join("CONTRIBUTING.md"), root().join("RELEASING.md")];
    let workflows = std::fs::read_dir(root().join(".github/workflows")).unwrap();
    pages.extend(workflows.map(|entry| entry.unwrap().path()));
    assert!(pages.len() > 4, "{} pages were read", pages.len());
    let sources = read(&root().join("xtask/src/main.rs"));
    let mut missing = Vec::new();
    let mut commands = 0;
    for page in pages {
        for command in commands_of(&read(&page)) {
            commands += 1;
            if !sources.contains(&format!("[\"{command}\"")) {
                missing.push(format!("{}: cargo xtask {command}", page.display()));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(commands > 25, "{commands} commands were read");
}

#[test]
fn commands_are_read_from_lines_and_from_a_matrix() {
    let text = "run: cargo xtask audit --advisories\n`cargo xtask msrv`\ncargo xtask COMMAND\n\
                command: [\"fuzz --seconds 300\", \"page\"]\n- run: cargo xtask ${{ matrix.command }}\n";
    assert_eq!(commands_of(text), ["audit", "msrv", "fuzz", "page"]);
}

/// The commands of xtask in a text: those written out, and those of a workflow's matrix.
fn commands_of(text: &str) -> Vec<String> {
    let written = text.split("cargo xtask ").skip(1);
    let matrix = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("command: ["));
    let listed = matrix.flat_map(|list| list.split('"').skip(1).step_by(2));
    let word = |command: &str| {
        let word = command
            .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
            .next();
        word.filter(|word| !word.is_empty()).map(str::to_owned)
    };
    written.chain(listed).filter_map(word).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

//! The documents: files that they name exist. Their links are checked by `tests/book`.

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

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

//! The documents: files that they name exist, and their links resolve.

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
fn links_of_all_pages_resolve() {
    let mut pages = Vec::new();
    find_pages(&root(), &mut pages);
    assert!(pages.len() > 30, "{} pages were read", pages.len());
    let broken: Vec<String> = pages.iter().flat_map(|page| broken_links(page)).collect();
    assert_eq!(broken, [""; 0]);
}

#[test]
fn a_broken_link_is_named() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.md");
    let text = "[a](gone.md) [b](page.md#here) [c](https://example.org/x) [d](#there)\n```\n[e](code.md)\n```\n";
    std::fs::write(&page, text).unwrap();
    let broken = broken_links(&page);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].ends_with("page.md: gone.md"), "{broken:?}");
}

/// Links to files that are not there, each with its page.
fn broken_links(page: &Path) -> Vec<String> {
    let (folder, mut in_code) = (page.parent().unwrap(), false);
    let mut broken = Vec::new();
    for line in read(page).lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for link in line.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty()
                || file.contains("://")
                || file.starts_with("crate::")
                || file.contains(' ');
            if !is_elsewhere && !folder.join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    broken
}

fn find_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "node_modules", "vendor"].contains(&&*name) {
                find_pages(&path, pages);
            }
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
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

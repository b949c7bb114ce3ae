//! Links: each resolves to a file, and to a heading where it has an anchor. The book's chapters link only to what the
//! book contains.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hopline_test_support::pages::{anchors, find, links, read};

/// Addresses of this repository's own files, in pages that are also read outside of it.
const OWN: [&str; 2] = [
    "https://github.com/hopline/hopline/blob/main/",
    "https://github.com/hopline/hopline/tree/main/",
];

#[test]
fn links_of_all_pages_resolve() {
    let pages = find(&root());
    assert!(pages.len() > 60, "{} pages were read", pages.len());
    let broken: Vec<String> = pages.iter().flat_map(|page| broken(page)).collect();
    assert_eq!(broken, [""; 0]);
}

#[test]
fn the_book_contains_each_page_of_the_guide_and_of_the_migrations() {
    let chapters = chapters();
    let docs = root().join("docs");
    let missing: Vec<String> = ["guide", "migration", "parity"]
        .iter()
        .flat_map(|folder| find(&docs.join(folder)))
        .filter(|page| !chapters.contains(page))
        .map(|page| page.display().to_string())
        .collect();
    assert_eq!(missing, [""; 0], "add them to docs/SUMMARY.md");
}

#[test]
fn chapters_link_only_to_what_the_book_contains() {
    let (chapters, docs) = (chapters(), root().join("docs"));
    let mut outside = Vec::new();
    for chapter in &chapters {
        for (line, target) in links(&read(chapter)) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") {
                continue;
            }
            let path = chapter.parent().unwrap().join(file).canonicalize();
            let path = path.unwrap_or_default();
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            let is_inside = match is_page {
                // mdBook writes a README.md as index.html, and leaves links to it as they are
                true => chapters.contains(&path) && !path.ends_with("README.md"),
                false => path.starts_with(&docs),
            };
            if !is_inside {
                outside.push(format!("{}:{line}: {target}", chapter.display()));
            }
        }
    }
    assert_eq!(
        outside, [""; 0],
        "write the address of the repository instead"
    );
}

#[test]
fn broken_links_and_anchors_are_named() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.md");
    let text = "# Here\n## Is `it` here?\n## Here\n\
                [a](gone.md) [b](page.md#here) [c](https://example.org/x) [d](#there) [e](#here-1) [f](#is-it-here)\n\
                [g](https://github.com/hopline/hopline/blob/main/gone.rs) `[h](code.md)`\n\
                ```text\n[i](code.md)\n# There\n```\n[j]: gone.md#x\n";
    std::fs::write(&page, text).unwrap();
    let broken = broken(&page);
    let targets: Vec<&str> = broken
        .iter()
        .map(|broken| broken.rsplit(": ").next().unwrap())
        .collect();
    let expected = [
        "gone.md",
        "#there",
        "https://github.com/hopline/hopline/blob/main/gone.rs",
        "gone.md#x",
    ];
    assert_eq!(targets, expected);
}

/// Links of a page to files or headings that do not exist, each with its line.
fn broken(page: &Path) -> Vec<String> {
    let text = read(page);
    let mut broken = Vec::new();
    for (line, target) in links(&text) {
        if !resolves(page, &text, &target) {
            broken.push(format!("{}:{line}: {target}", page.display()));
        }
    }
    broken
}

fn resolves(page: &Path, text: &str, target: &str) -> bool {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let own = OWN.iter().find_map(|own| file.strip_prefix(own));
    let path = match own {
        Some(path) => root().join(path),
        // elsewhere, or an item of rustdoc
        None if file.contains("://") || file.starts_with("crate::") => return true,
        None if file.is_empty() => page.to_owned(),
        None => page.parent().unwrap().join(file),
    };
    if !path.exists() {
        return false;
    }
    let Some(anchor) = anchor else { return true };
    let is_page = path.extension().is_some_and(|extension| extension == "md");
    match (is_page, file.is_empty()) {
        (true, true) => anchors(text).iter().any(|known| known == anchor),
        (true, false) => anchors(&read(&path)).iter().any(|known| known == anchor),
        // a line of a source file
        (false, _) => true,
    }
}

/// The pages that docs/SUMMARY.md lists, with their whole paths.
fn chapters() -> BTreeSet<PathBuf> {
    let docs = root().join("docs");
    let chapters = links(&read(&docs.join("SUMMARY.md"))).into_iter();
    let chapters: BTreeSet<PathBuf> = chapters
        // a heading without a page of its own has an empty link
        .filter(|(_, target)| !target.is_empty())
        .map(|(_, target)| docs.join(&target).canonicalize().expect(&target))
        .collect();
    assert!(chapters.len() > 30, "{} chapters were read", chapters.len());
    chapters
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

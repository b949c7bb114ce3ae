//! Markdown pages of the repository: their blocks, headings and links. Tests of the documentation read them.

use std::path::{Path, PathBuf};

/// Folders that contain what others wrote or what a build made.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", "vendor"];

/// All pages of a folder and its subfolders, in order.
///
/// # Panics
///
/// If a folder cannot be read.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    find_in(folder, &mut pages);
    pages.sort();
    pages
}

fn find_in(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&&*name) {
                find_in(&path, pages);
            }
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
}

/// The text of a page.
///
/// # Panics
///
/// If it cannot be read.
pub fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The words behind the backticks above each block, with the number of the line: `rust,no_run`.
pub fn fences(page: &Path) -> Vec<(usize, String)> {
    let text = read(page);
    let lines = text.lines().enumerate();
    let fences = lines.filter_map(|(number, line)| {
        let info = line.trim_start().strip_prefix("```")?;
        Some((number + 1, info.to_owned()))
    });
    fences.step_by(2).collect()
}

/// The lines outside of blocks, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        (!is_fence && !in_block).then_some((number + 1, line))
    })
}

/// The targets of links and images, each with the number of its line.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        // text between backticks is no link
        let parts = line.split('`').step_by(2);
        let line: String = parts.collect::<Vec<_>>().join("`");
        for link in line.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            links.push((number, target.to_owned()));
        }
        let definition = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        links.extend(definition.map(|(_, target)| (number, target.trim().to_owned())));
    }
    links
}

/// The anchors of a page's headings, as GitHub and mdBook write them.
pub fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug = slug(heading.trim());
        let same = |anchor: &&String| {
            let rest = anchor.strip_prefix(&slug);
            rest.is_some_and(|rest| rest.is_empty() || is_number(rest))
        };
        match anchors.iter().filter(same).count() {
            0 => anchors.push(slug),
            count => anchors.push(format!("{slug}-{count}")),
        }
    }
    anchors
}

/// True for what a second heading of the same text has behind it: `-1`.
fn is_number(rest: &str) -> bool {
    let digits = rest.strip_prefix('-').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

//! `cargo xtask api`: the public items of each crate as text in `docs/api`, and limits to their number.
//!
//! The text is read from the sources, so it is the same with every compiler and needs none. It has one line for each
//! item, field, variant, method and trait implementation; implementations that macros write are not in it. A change of
//! the API is a change of these files, which `cargo xtask api --write` makes and a review sees. `external.txt` has the
//! types of other crates that are in it.

mod external;
mod items;
mod print;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, root};
use external::External;
use items::Listing;
use source::Source;

/// The most names at a crate's root. Names in public modules are not limited.
const LIMITS: &[(&str, usize)] = &[("hopline-core", 40), ("hopline", 24)];

/// The limit of a crate that is not in [`LIMITS`].
const LIMIT: usize = 15;

/// Prints the number of names of each crate, and compares its items with `docs/api`, or writes them there.
pub(crate) fn run(write: bool) -> Result<()> {
    let folder = root().join("docs/api");
    if write {
        fs::create_dir_all(&folder)?;
    }
    let mut wrong = Vec::new();
    let mut external = External::default();
    println!("{:18} {:>4} {:>10}", "crate", "root", "in modules");
    for (name, path) in crates()? {
        let listing = Listing::of(&name, &Source::read(&path)?);
        let (at_root, in_modules) = (listing.root, listing.modules);
        println!("{name:18} {at_root:>4} {in_modules:>10}");
        let limit = LIMITS.iter().find(|(limited, _)| *limited == name);
        let limit = limit.map_or(LIMIT, |(_, limit)| *limit);
        if at_root > limit {
            wrong.push(format!(
                "{name} has {at_root} names at its root, more than {limit}: move some into public modules"
            ));
        }
        external.add(&name, &listing.outside)?;
        let file = format!("{name}.txt");
        wrong.extend(keep(&folder.join(file), &listing.to_string(), write)?);
    }
    wrong.extend(external.faults());
    let file = folder.join("external.txt");
    wrong.extend(keep(&file, &external.to_string(), write)?);
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// Writes a list, or compares it with what is written: the difference, if there is one.
fn keep(file: &Path, text: &str, write: bool) -> Result<Option<String>> {
    if write {
        fs::write(file, text)?;
        return Ok(None);
    }
    let written = fs::read_to_string(file).unwrap_or_default();
    let name = file.file_name().unwrap_or_default().display();
    Ok(change(&written, text).map(|change| {
        format!(
            "docs/api/{name} is not the API: {change}; if the change is meant, run `cargo xtask api --write`"
        )
    }))
}

/// The first line that was removed or added.
fn change(old: &str, new: &str) -> Option<String> {
    let only = |a: &str, b: &str| {
        let has = |line: &&str| !b.lines().any(|other| other == *line);
        a.lines().find(has).map(str::to_owned)
    };
    let removed = only(old, new).map(|line| format!("`{}` is no longer there", line.trim()));
    let added = only(new, old).map(|line| format!("`{}` is new", line.trim()));
    let moved = (old != new).then(|| "the order of its lines".to_owned());
    removed.or(added).or(moved)
}

/// The crates, and the file of each that is its root.
fn crates() -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let entry = entry?;
        let file = entry.path().join("src/lib.rs");
        if file.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), file));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_the_first_line_that_differs() {
        assert_eq!(change("a\nb\n", "a\nb\n"), None);
        let removed = change("a\n  b\n", "a\n");
        assert_eq!(removed.as_deref(), Some("`b` is no longer there"));
        assert_eq!(change("a\n", "a\nb\n").as_deref(), Some("`b` is new"));
        assert!(change("a\nb\n", "b\na\n").is_some());
    }
}

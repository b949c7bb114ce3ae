//! Arrows between the files and folders of a crate: what each imports, and the circles among them.
//!
//! `cargo xtask arrows` prints them; `tests/tests/workspace.rs` checks them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

mod circles;
mod scan;

use scan::Source;

/// The path of a module below its crate: `["span", "context"]`. The root's is empty.
pub type Module = Vec<String>;

/// Imports between the keys: each with the keys that it imports.
pub type Arrows<T> = BTreeMap<T, BTreeSet<T>>;

/// The modules of one crate, and what each imports. Tests inside the sources are left out.
#[derive(Debug)]
pub struct Crate {
    arrows: Arrows<Module>,
}

impl Crate {
    /// Reads all sources below a crate's `src`.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read, or is not Rust.
    pub fn read(src: &Path) -> io::Result<Self> {
        let mut sources = Vec::new();
        collect(src, src, &mut sources)?;
        Self::of_sources(
            sources
                .iter()
                .map(|(path, text)| (path.as_path(), text.as_str())),
        )
    }

    /// Reads sources that are given with their paths below `src`.
    ///
    /// # Errors
    ///
    /// Returns an error if one is not Rust.
    pub fn of_sources<'a>(
        sources: impl IntoIterator<Item = (&'a Path, &'a str)>,
    ) -> io::Result<Self> {
        let mut modules = BTreeMap::new();
        for (path, text) in sources {
            let source = Source::parse(text)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            modules.insert(module_of(path), source);
        }
        let tests: Vec<Module> = modules
            .iter()
            .flat_map(|(module, source)| source.tests.iter().map(|test| below(module, test)))
            .collect();
        modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        let arrows = modules.iter().map(|(module, source)| {
            let targets = source.paths.iter().filter_map(|path| {
                let target = resolve(&modules, path.absolute(module)?, 0)?;
                (target != *module).then_some(target)
            });
            (module.clone(), targets.collect())
        });
        Ok(Self {
            arrows: arrows.collect(),
        })
    }

    /// Imports of each module.
    pub fn modules(&self) -> &Arrows<Module> {
        &self.arrows
    }

    /// Imports between the folders and files directly below the crate's root; `lib.rs` and `main.rs` are left
    /// out, as they import what they export.
    pub fn units(&self) -> Arrows<String> {
        let mut units = Arrows::new();
        for (from, targets) in &self.arrows {
            let Some(unit) = from.first() else { continue };
            let to = targets.iter().filter_map(|to| to.first());
            let to = to.filter(|to| *to != unit).cloned();
            units
                .entry(unit.clone())
                .or_insert_with(BTreeSet::new)
                .extend(to);
        }
        units
    }

    /// The folders of the crate, such as `["span"]`.
    pub fn folders(&self) -> BTreeSet<Module> {
        let parents = self.arrows.keys().filter_map(|module| module.split_last());
        let parents = parents.map(|(_, parent)| parent.to_vec());
        parents.filter(|parent| !parent.is_empty()).collect()
    }

    /// Circles through folders: of neighbours in one folder or in the root, each group in which every one reaches every
    /// other, and at least two are folders.
    pub fn folder_circles(&self) -> Vec<Vec<String>> {
        let folders = self.folders();
        let mut parents: BTreeSet<Module> = folders.clone();
        parents.insert(Module::new());
        let mut found = Vec::new();
        for parent in parents {
            let circles = circles::of(&self.inside(&parent)).into_iter();
            found.extend(circles.filter(|circle| {
                let is_folder = |unit: &&Module| folders.contains(*unit);
                circle.iter().filter(is_folder).count() > 1
            }));
        }
        found.into_iter().map(shown).collect()
    }

    /// Circles of files: each group in which every one reaches every other.
    pub fn file_circles(&self) -> Vec<Vec<String>> {
        let mut arrows = self.arrows.clone();
        // the root exports what it imports
        arrows.remove(&Module::new());
        let circles = circles::of(&arrows);
        circles.into_iter().map(shown).collect()
    }

    /// The arrows between those directly below `parent`.
    fn inside(&self, parent: &Module) -> Arrows<Module> {
        let unit = |module: &Module| {
            let inside = module.len() > parent.len() && module.starts_with(parent);
            inside.then(|| module[..=parent.len()].to_vec())
        };
        let mut arrows = Arrows::new();
        for (from, targets) in &self.arrows {
            if let Some(from) = unit(from) {
                let to = targets.iter().filter_map(unit).filter(|to| *to != from);
                arrows
                    .entry(from.clone())
                    .or_insert_with(BTreeSet::new)
                    .extend(to);
            }
        }
        arrows
    }
}

/// `span/context.rs` is `["span", "context"]`, `span/mod.rs` is `["span"]`, `lib.rs` and `main.rs` are the root.
fn module_of(path: &Path) -> Module {
    let path = path.with_extension("");
    let mut module: Module = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

/// The module that a path leads to, through re-exports; none outside the crate.
fn resolve(modules: &BTreeMap<Module, Source>, path: Module, hops: usize) -> Option<Module> {
    let known = (0..=path.len())
        .rev()
        .find(|len| modules.contains_key(&path[..*len]))?;
    let (module, rest) = path.split_at(known);
    let source = &modules[module];
    if let (Some(name), true) = (rest.first(), hops < 8)
        && let Some(exported) = source.exports.get(name)
        && let Some(target) = exported.absolute(module)
        && target != path
    {
        return resolve(modules, target, hops + 1);
    }
    Some(module.to_vec())
}

fn below(module: &Module, name: &str) -> Module {
    let mut below = module.clone();
    below.push(name.to_owned());
    below
}

fn shown(circle: Vec<Module>) -> Vec<String> {
    circle.iter().map(|module| module.join("::")).collect()
}

fn collect(src: &Path, folder: &Path, sources: &mut Vec<(PathBuf, String)>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(src, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            let below = path.strip_prefix(src).unwrap_or(&path).to_path_buf();
            sources.push((below, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sources: &[(&str, &str)]) -> Crate {
        let sources = sources.iter().map(|(path, text)| (Path::new(*path), *text));
        Crate::of_sources(sources).unwrap()
    }

    #[test]
    fn imports_are_followed_through_exports() {
        let read = read(&[
            ("lib.rs", "mod a; mod b; pub use a::x::Thing;"),
            ("a/mod.rs", "pub(crate) mod x; pub(crate) use x::Other;"),
            ("a/x.rs", "pub struct Thing; pub(crate) struct Other;"),
            (
                "b.rs",
                "use crate::{Thing, a::Other}; fn f() { crate::a::g() }",
            ),
        ]);
        let to = &read.modules()[&vec!["b".to_owned()]];
        let to: Vec<String> = to.iter().map(|module| module.join("::")).collect();
        assert_eq!(to, ["a", "a::x"]);
        assert_eq!(read.units()["b"], BTreeSet::from(["a".to_owned()]));
        assert!(read.file_circles().is_empty());
    }

    #[test]
    fn circles_of_files_and_of_folders_are_found() {
        let read = read(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a/mod.rs", "mod x; mod y;"),
            ("a/x.rs", "use super::y::Y;"),
            ("a/y.rs", "use crate::b::z::Z; pub struct Y;"),
            ("b/mod.rs", "pub mod z;"),
            ("b/z.rs", "use crate::a::x; pub struct Z;"),
            ("c.rs", "use crate::d::D; pub struct C;"),
            ("d.rs", "fn f(_: crate::c::C) {} pub struct D;"),
        ]);
        assert_eq!(read.folder_circles(), [["a", "b"]]);
        assert_eq!(
            read.file_circles(),
            [vec!["a::x", "a::y", "b::z"], vec!["c", "d"]]
        );
    }

    #[test]
    fn tests_comments_and_texts_draw_no_arrows() {
        let read = read(&[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod t;"),
            (
                "a.rs",
                "// use crate::b::B;\n const T: &str = \"crate::b\";\n #[cfg(test)] mod tests { use crate::b::B; }",
            ),
            (
                "b.rs",
                "mod inner { use super::super::a::A; } fn f() { self::g() }",
            ),
            ("t.rs", "use crate::b::B;"),
        ]);
        assert_eq!(read.units()["a"], BTreeSet::new());
        assert_eq!(read.units()["b"], BTreeSet::from(["a".to_owned()]));
        assert!(!read.units().contains_key("t"));
    }
}

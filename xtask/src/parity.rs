//! `cargo xtask parity`: tables of what becomes of each public method of a wrapped type, checked against its source.
//!
//! The tables are in `docs/parity/*.md`. A section of such a file is about one type:
//!
//! ```text
//! ## `reqwest::Client` in `reqwest/src/async_impl`
//!
//! | method | becomes | note |
//! |---|---|---|
//! | `get` | traced | by `send` |
//! | `execute` | traced | |
//! ```
//!
//! The heading names the type by its public path. Behind `in` it names the package and the folder or file that
//! defines the type; without `in` that is all of `src` of the package that the path begins with. The package's source
//! is the version in `Cargo.lock`.
//!
//! There is one row for each public method of the type's inherent implementations, and for each public field. Methods
//! that are hidden from the documentation, made by macros, or of traits have none; those behind `cfg` have one. A row
//! that is missing, superfluous or double is an error. `becomes` is one of the words in [`BECOMES`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::MetadataCommand;
use syn::{Attribute, Fields, ImplItem, Item, Type, Visibility};

use crate::{Result, root};

/// The words of the second column: the wrapper has the method with the same behaviour; the same and with a span; the
/// wrapped value has it, which `raw()` (or what the note names) gives; there is no way to it.
const BECOMES: [&str; 4] = ["same", "traced", "raw()", "not there"];

/// Checks all tables.
pub(crate) fn run() -> Result<()> {
    let tables = files(&root().join("docs/parity"), "md")?;
    let packages = Packages::of_lock()?;
    let mut wrong = Vec::new();
    let mut rows = 0;
    for path in &tables {
        let name = path.strip_prefix(root()).unwrap_or(path).display();
        for section in sections(&fs::read_to_string(path)?) {
            let found = packages.source(&section).and_then(|files| {
                let methods = methods(&section.type_name, &files)?;
                Ok(section.faults(&methods))
            });
            let faults = found.unwrap_or_else(|error| vec![error.to_string()]);
            let title = &section.title;
            wrong.extend(
                faults
                    .iter()
                    .map(|fault| format!("{name}: {title}: {fault}")),
            );
            rows += section.rows.len();
        }
    }
    match wrong.len() {
        0 if rows == 0 => Err("no table in docs/parity".into()),
        0 => {
            println!("{rows} rows in {} files are right", tables.len());
            Ok(())
        }
        count => Err(format!("{count} faults\n{}", wrong.join("\n")).into()),
    }
}

/// A section about one type.
#[derive(Debug)]
struct Section {
    title: String,
    /// The type's name, without its path.
    type_name: String,
    /// The package, and the folder or file below it.
    place: (String, String),
    /// Names and words, as written.
    rows: Vec<(String, String)>,
}

impl Section {
    /// A section without rows, by its heading behind the first backtick.
    fn new(heading: &str) -> Self {
        let mut parts = heading.split('`');
        let path = parts.next().unwrap_or_default();
        let place = parts.nth(1);
        let (package, inside) = match place {
            Some(place) => place.split_once('/').unwrap_or((place, "src")),
            None => (path.split("::").next().unwrap_or_default(), "src"),
        };
        Self {
            title: path.to_owned(),
            type_name: path.rsplit("::").next().unwrap_or_default().to_owned(),
            place: (package.to_owned(), inside.to_owned()),
            rows: Vec::new(),
        }
    }

    fn faults(&self, methods: &BTreeSet<String>) -> Vec<String> {
        let mut faults = Vec::new();
        if methods.is_empty() {
            faults.push(format!(
                "no such type in `{}/{}`",
                self.place.0, self.place.1
            ));
        }
        let mut seen = BTreeSet::new();
        for (method, becomes) in &self.rows {
            if !seen.insert(method.clone()) {
                faults.push(format!("two rows for `{method}`"));
            }
            if !methods.contains(method) {
                faults.push(format!("a row for `{method}`, which is no public method"));
            }
            if !BECOMES.contains(&becomes.as_str()) {
                let words = BECOMES.join(", ");
                faults.push(format!(
                    "`{method}` becomes `{becomes}`, which is none of: {words}"
                ));
            }
        }
        let missing = methods.difference(&seen);
        faults.extend(missing.map(|method| format!("no row for `{method}`")));
        faults
    }
}

/// The sections of a file that have a type as their heading.
fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let section = heading.strip_prefix('`').map(Section::new);
            is_open = section.is_some();
            sections.extend(section);
        } else if let Some(row) = line.strip_prefix("| `").filter(|_| is_open)
            && let Some(section) = sections.last_mut()
        {
            let mut cells = row.split('|').map(str::trim);
            let method = cells.next().unwrap_or_default().trim_end_matches('`');
            let becomes = cells.next().unwrap_or_default().replace('`', "");
            section.rows.push((method.to_owned(), becomes));
        }
    }
    sections
}

/// The folders of the packages in `Cargo.lock`.
struct Packages(Vec<(String, PathBuf)>);

impl Packages {
    fn of_lock() -> Result<Self> {
        // of this machine's kind alone: cargo would download what only others need
        let version = Command::new("rustc").arg("-vV").output()?;
        let version = String::from_utf8(version.stdout)?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or("`rustc -vV` names no host")?;
        let metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options([
                "--filter-platform".to_owned(),
                host.to_owned(),
                "--locked".to_owned(),
            ])
            .exec()?;
        let folder = |package: &cargo_metadata::Package| {
            let folder = package.manifest_path.parent()?;
            Some((package.name.to_string(), folder.as_std_path().to_owned()))
        };
        Ok(Self(metadata.packages.iter().filter_map(folder).collect()))
    }

    /// The files in which a section's type is defined.
    fn source(&self, section: &Section) -> Result<Vec<String>> {
        let (package, inside) = &section.place;
        let name = |name: &str| name.replace('-', "_");
        let mut folders = self
            .0
            .iter()
            .filter(|(known, _)| name(known) == name(package));
        let (_, folder) = folders
            .next()
            .ok_or_else(|| format!("no package `{package}` in Cargo.lock"))?;
        if folders.next().is_some() {
            return Err(format!("several versions of `{package}` in Cargo.lock").into());
        }
        let paths = files(&folder.join(inside), "rs")?;
        paths
            .iter()
            .map(|path| Ok(fs::read_to_string(path)?))
            .collect()
    }
}

/// All files with this extension below a folder, or the one that is named, in order.
fn files(path: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The public methods and fields of a type.
fn methods(type_name: &str, files: &[String]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for file in files {
        collect(type_name, syn::parse_file(file)?.items, &mut found);
    }
    Ok(found)
}

fn collect(type_name: &str, items: Vec<Item>, found: &mut BTreeSet<String>) {
    let public = |visibility: &Visibility, attributes: &[Attribute]| {
        matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes)
    };
    for item in items {
        match item {
            Item::Mod(module) if !is_hidden(&module.attrs) => {
                let items = module.content.map(|(_, items)| items);
                collect(type_name, items.unwrap_or_default(), found);
            }
            Item::Struct(item) if item.ident == type_name && public(&item.vis, &item.attrs) => {
                if let Fields::Named(fields) = item.fields {
                    let fields = fields.named.into_iter();
                    let public = fields.filter(|field| public(&field.vis, &field.attrs));
                    found.extend(public.filter_map(|field| Some(field.ident?.to_string())));
                }
            }
            Item::Impl(item)
                if item.trait_.is_none()
                    && names(&item.self_ty, type_name)
                    && !is_hidden(&item.attrs) =>
            {
                for item in item.items {
                    if let ImplItem::Fn(method) = item
                        && public(&method.vis, &method.attrs)
                    {
                        found.insert(method.sig.ident.to_string());
                    }
                }
            }
            _ => {}
        }
    }
}

fn names(self_type: &Type, type_name: &str) -> bool {
    match self_type {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == type_name),
        _ => false,
    }
}

/// True for what is not in the documentation: `#[doc(hidden)]`, and what only tests build.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list().ok();
        let word = |wanted: &str| list.is_some_and(|list| list.tokens.to_string() == wanted);
        attribute.path().is_ident("doc") && word("hidden")
            || attribute.path().is_ident("cfg") && word("test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        pub struct Pool<T> { pub size: u8, inner: T }
        struct Other { pub not: u8 }
        impl<T> Pool<T> {
            pub fn get(&self) {}
            pub async fn put(&self) {}
            #[cfg(unix)] pub fn socket(&self) {}
            #[doc(hidden)] pub fn hidden(&self) {}
            pub(crate) fn near(&self) {}
            fn own(&self) {}
        }
        mod inside { impl super::Pool<u8> { pub fn deep() {} } }
        #[cfg(test)] mod tests { impl super::Pool<u8> { pub fn tested() {} } }
        impl Other { pub fn other() {} }
        impl Clone for Pool<u8> { fn clone(&self) -> Self { loop {} } }
    ";

    fn faults(rows: &str) -> Vec<String> {
        let text = format!(
            "# x\n\n## `a::Pool` in `a-core/src/pool`\n\n| method | becomes | note |\n|---|---|---|\n{rows}"
        );
        let mut sections = sections(&text);
        let section = sections.pop().unwrap();
        assert_eq!(
            (section.place.0.as_str(), section.place.1.as_str()),
            ("a-core", "src/pool")
        );
        section.faults(&methods(&section.type_name, &[SOURCE.to_owned()]).unwrap())
    }

    #[test]
    fn a_table_has_one_row_for_each_public_method_and_field() {
        let right = "| `get` | traced | |\n| `put` | same | a `|` b |\n| `socket` | `raw()` | |\n| `deep` | not there | x |\n| `size` | same | |\n";
        assert_eq!(faults(right), [""; 0]);
        let left_out = right.replace("| `deep` | not there | x |\n", "");
        assert_eq!(faults(&left_out), ["no row for `deep`"]);
        let superfluous = format!("{right}| `own` | same | |\n");
        assert_eq!(
            faults(&superfluous),
            ["a row for `own`, which is no public method"]
        );
        assert_eq!(
            faults(&format!("{right}| `get` | same | |\n")),
            ["two rows for `get`"]
        );
        let word = right.replace("traced", "wrapped");
        assert_eq!(
            faults(&word),
            ["`get` becomes `wrapped`, which is none of: same, traced, raw(), not there"]
        );
    }

    #[test]
    fn a_heading_without_a_place_means_the_package_of_its_path() {
        let sections = sections(
            "## `lapin::Channel`\n## Words\n| `w` | x |\n## `reqwest::Client` in `reqwest/src/async_impl`\n",
        );
        let places: Vec<_> = sections
            .iter()
            .map(|section| {
                format!(
                    "{} {}/{}",
                    section.type_name, section.place.0, section.place.1
                )
            })
            .collect();
        assert!(sections.iter().all(|section| section.rows.is_empty()));
        assert_eq!(
            places,
            ["Channel lapin/src", "Client reqwest/src/async_impl"]
        );
    }
}

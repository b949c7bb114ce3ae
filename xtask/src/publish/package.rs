//! The contents of one unpacked package, and its faults.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::Result;

/// Macros that read a file while a crate compiles.
const READERS: &[&str] = &[
    "include_str!(\"",
    "include_bytes!(\"",
    "include!(\"",
    "#[path = \"",
];

/// One unpacked package.
#[derive(Debug)]
pub(super) struct Package {
    manifest: cargo_metadata::Package,
    folder: PathBuf,
    /// The licence texts that each package must have: their names and their text.
    licences: Vec<(&'static str, String)>,
}

impl Package {
    /// Reads the package in `folder`, whose licences must be those in `licences`.
    pub(super) fn read(folder: &Path, licences: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(folder.join("Cargo.toml"))
            .no_deps()
            .exec()?;
        let named = |package: &cargo_metadata::Package| {
            package
                .manifest_path
                .starts_with(folder.to_string_lossy().as_ref())
        };
        let manifest = metadata.packages.into_iter().find(named);
        let texts = ["LICENSE-APACHE", "LICENSE-MIT"].map(|name| {
            let text = fs::read_to_string(licences.join(name));
            text.map(|text| (name, text))
        });
        Ok(Self {
            manifest: manifest.ok_or_else(|| format!("{} is no package", folder.display()))?,
            folder: folder.to_owned(),
            licences: texts.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// Its faults, one sentence each.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.missing_fields();
        for (name, text) in &self.licences {
            match fs::read_to_string(self.folder.join(name)) {
                Ok(packaged) if packaged == *text => {}
                Ok(_) => faults.push(format!("{name} is not the project's licence text")),
                Err(error) => faults.push(format!("{name}: {error}")),
            }
        }
        for name in ["README.md", "CHANGELOG.md"] {
            if !self.folder.join(name).is_file() {
                faults.push(format!("{name} is missing"));
            }
        }
        if self.has_library() && !self.folder.join("examples").is_dir() {
            faults.push("it has no example".to_owned());
        }
        for path in files(&self.folder) {
            faults.extend(self.faults_of_file(&path));
        }
        faults
            .into_iter()
            .map(|fault| format!("{}: {fault}", self.manifest.name))
            .collect()
    }

    fn has_library(&self) -> bool {
        self.manifest.targets.iter().any(|target| target.is_lib())
    }

    fn missing_fields(&self) -> Vec<String> {
        let manifest = &self.manifest;
        let documented = match self.has_library() {
            true => manifest.metadata["docs"]["rs"]["rustdoc-args"].is_array(),
            false => true,
        };
        let rules = [
            (manifest.description.is_some(), "description"),
            (manifest.license.is_some(), "license"),
            (manifest.documentation.is_some(), "documentation"),
            (manifest.rust_version.is_some(), "rust-version"),
            (
                (1..=5).contains(&manifest.keywords.len()),
                "keywords, one to five",
            ),
            (
                (1..=5).contains(&manifest.categories.len()),
                "categories, one to five",
            ),
            (documented, "package.metadata.docs.rs.rustdoc-args"),
        ];
        let missing = rules.into_iter().filter(|(holds, _)| !holds);
        missing
            .map(|(_, field)| format!("the manifest has no {field}"))
            .collect()
    }

    /// The files that a source or a page refers to and that the package does not have.
    fn faults_of_file(&self, path: &Path) -> Vec<String> {
        let Ok(text) = fs::read_to_string(path) else {
            return Vec::new();
        };
        let named: Vec<&str> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => READERS
                .iter()
                .flat_map(|reader| text.split(reader).skip(1))
                .filter_map(|rest| rest.split('"').next())
                .collect(),
            Some("md") => links(&text),
            _ => Vec::new(),
        };
        let folder = path.parent().unwrap_or(&self.folder);
        let at = path.strip_prefix(&self.folder).unwrap_or(path).display();
        let outside = named
            .into_iter()
            .filter(|name| !self.has(&folder.join(name)));
        let mut faults: Vec<String> = outside
            .map(|name| format!("{at} refers to {name}, which is not in the package"))
            .collect();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let unknown = siblings(&text).filter(|name| !self.depends_on(name));
            let unknown: BTreeSet<&str> = unknown.collect();
            faults.extend(
                unknown
                    .into_iter()
                    .map(|name| format!("{at} uses {name}, on which the package does not depend")),
            );
        }
        faults
    }

    /// Whether the package is this crate or depends on it, also for its tests alone. Cargo leaves out a dependency that has
    /// a path and no version, and what uses it does not compile.
    fn depends_on(&self, name: &str) -> bool {
        let names = self
            .manifest
            .dependencies
            .iter()
            .map(|needed| &*needed.name);
        let mut names = names.chain([self.manifest.name.as_str()]);
        names.any(|known| known.replace('-', "_") == name)
    }

    /// Whether this path leads to a file of the package.
    fn has(&self, path: &Path) -> bool {
        let mut real = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(real.pop()),
                part => real.push(part),
            }
        }
        real.starts_with(&self.folder) && real.exists()
    }
}

/// The project's crates whose items a source uses, also in its examples; not those that its prose names, in backquotes.
fn siblings(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = text.match_indices("hopline_").map(|(at, _)| at);
    let whole = begins.filter(move |at| !text[..*at].ends_with(|c| is_word(c) || c == '`'));
    whole.filter_map(move |at| {
        let (name, path) = text[at..].split_once("::")?;
        (name.chars().all(is_word) && path.starts_with(is_word)).then_some(name)
    })
}

/// The links of a page that are no addresses.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    files
        .filter(|file| !file.is_empty() && !file.contains("://") && !file.contains(' '))
        .filter(|file| !file.contains("::"))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package with these files beside a manifest and a library.
    fn faults(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("hopline-{name}-{}", std::process::id()));
        let inside = folder.join("package");
        fs::create_dir_all(inside.join("src")).unwrap();
        fs::create_dir_all(inside.join("examples")).unwrap();
        let manifest = r#"
            package = { name = "p", version = "1.0.0", edition = "2024", license = "MIT", description = "d",
                documentation = "d", rust-version = "1.88", keywords = ["a"], categories = ["b"],
                metadata = { docs = { rs = { rustdoc-args = ["--cfg", "docsrs"] } } } }
            workspace = {}
        "#;
        let whole = [
            ("package/Cargo.toml", manifest),
            ("package/LICENSE-APACHE", "apache"),
            ("package/LICENSE-MIT", "mit"),
            (
                "package/README.md",
                "[a](CHANGELOG.md) [b](https://example.org)",
            ),
            ("package/CHANGELOG.md", ""),
            (
                "package/src/lib.rs",
                "//! See `hopline_core::Span`.\n#[doc = include_str!(\"../README.md\")] struct A;",
            ),
            ("LICENSE-APACHE", "apache"),
            ("LICENSE-MIT", "mit"),
        ];
        for (path, text) in whole.iter().chain(files) {
            fs::write(folder.join(path), text).unwrap();
        }
        let package = Package::read(&inside, &folder).unwrap();
        let faults = package.faults();
        fs::remove_dir_all(&folder).unwrap();
        faults
    }

    #[test]
    fn a_whole_package_has_no_faults() {
        assert_eq!(faults("whole", &[]), [""; 0]);
    }

    #[test]
    fn what_is_missing_in_a_package_is_named() {
        let manifest =
            "[package]\nname = \"p\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
        let found = faults(
            "faulty",
            &[
                ("package/Cargo.toml", manifest),
                ("package/LICENSE-MIT", "../LICENSE-MIT"),
                ("package/README.md", "[a](../README.md)"),
                (
                    "package/src/lib.rs",
                    "#[doc = include_str!(\"../../README.md\")] use hopline_core::Span; struct A;",
                ),
            ],
        );
        for part in [
            "p: the manifest has no description",
            "p: the manifest has no keywords",
            "p: the manifest has no package.metadata.docs.rs.rustdoc-args",
            "p: LICENSE-MIT is not the project's licence text",
            "p: README.md refers to ../README.md, which is not in the package",
            "p: src/lib.rs refers to ../../README.md, which is not in the package",
            "p: src/lib.rs uses hopline_core, on which the package does not depend",
        ] {
            assert!(
                found.iter().any(|fault| fault.starts_with(part)),
                "{part}: {found:?}"
            );
        }
    }
}

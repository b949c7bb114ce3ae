//! Types of other crates in the public API of a crate. A new major version of one of those crates breaks ours.
//!
//! Called by `cargo xtask api`. The list is `docs/api/external.txt`; the crates that may be in it are named here.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};
use proc_macro2::{TokenStream, TokenTree};

use crate::{Result, root};

/// The crates whose types each crate may show: those that it wraps, and those that its kind of API is written in.
const ALLOWED: &[(&str, &[&str])] = &[
    ("hopline", &["tokio"]),
    (
        "hopline-axum",
        &["axum", "http", "tower_layer", "tower_service"],
    ),
    ("hopline-http", &["bytes", "http", "http_body"]),
    ("hopline-lapin", &["futures_core", "lapin", "tower_service"]),
    ("hopline-metrics", &["axum"]),
    (
        "hopline-reqwest",
        &["http", "reqwest", "reqwest_middleware"],
    ),
    // `EventSpans` is a layer of tracing-subscriber
    (
        "hopline-sqlx",
        &[
            "futures_core",
            "sqlx",
            "sqlx_core",
            "tracing_core",
            "tracing_subscriber",
        ],
    ),
    (
        "hopline-tower",
        &["http", "http_body", "tower_layer", "tower_service"],
    ),
    ("hopline-tracing", &["tracing", "tracing_subscriber"]),
    ("hopline-view", &["axum"]),
];

/// The types of other crates, by the crate of ours that shows them.
#[derive(Debug, Default)]
pub(super) struct External(BTreeMap<String, BTreeSet<String>>);

impl External {
    /// Adds the paths of a crate that lead to one of its dependencies outside of this workspace.
    pub(super) fn add(&mut self, name: &str, paths: &BTreeSet<Vec<String>>) -> Result<()> {
        let dependencies = dependencies(name)?;
        let named = |path: &&Vec<String>| path.len() > 1 && dependencies.contains(&path[0]);
        let shown = paths.iter().filter(named).map(|path| path.join("::"));
        self.0.entry(name.to_owned()).or_default().extend(shown);
        Ok(())
    }

    /// Types of crates that are not allowed, one sentence each.
    pub(super) fn faults(&self) -> Vec<String> {
        let types = self
            .0
            .iter()
            .flat_map(|(name, types)| types.iter().map(move |one| (name, one)));
        let forbidden = types.filter(|(name, of)| {
            let allowed = ALLOWED.iter().find(|(crate_name, _)| crate_name == name);
            let allowed = allowed.map_or(&[][..], |(_, crates)| crates);
            !of.split("::")
                .next()
                .is_some_and(|of| allowed.contains(&of))
        });
        forbidden
            .map(|(name, of)| {
                format!(
                    "{name} shows {of}, so a new major version of that crate would break it: wrap the type, or allow its crate in xtask/src/api/external.rs"
                )
            })
            .collect()
    }
}

impl std::fmt::Display for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, types) in self.0.iter().filter(|(_, types)| !types.is_empty()) {
            writeln!(f, "{name}")?;
            for one in types {
                writeln!(f, "    {one}")?;
            }
        }
        Ok(())
    }
}

/// The names by which a crate's sources know its dependencies outside of this workspace.
fn dependencies(name: &str) -> Result<BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("crates").join(name).join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| *package.name == name);
    let all = package
        .into_iter()
        .flat_map(|package| &package.dependencies);
    let of_others =
        all.filter(|needed| needed.path.is_none() && needed.kind == DependencyKind::Normal);
    Ok(of_others
        .map(|needed| {
            needed
                .rename
                .as_ref()
                .unwrap_or(&needed.name)
                .replace('-', "_")
        })
        .collect())
}

/// The paths in a line of Rust.
pub(super) fn paths(line: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    collect(line.parse().unwrap_or_default(), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons != 2 && !path.is_empty() {
                    found.insert(std::mem::take(&mut path));
                }
                path.push(word.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            other => {
                if !path.is_empty() {
                    found.insert(std::mem::take(&mut path));
                }
                colons = 0;
                if let TokenTree::Group(group) = other {
                    collect(group.stream(), found);
                }
            }
        }
    }
    if !path.is_empty() {
        found.insert(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_signature_are_found() {
        let found =
            paths("fn Pool::get<T: io::Read>(&self, one: Option<http::Uri>) -> Result<T, Error>");
        let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
        for path in ["io::Read", "http::Uri", "Option", "Result", "T", "Error"] {
            assert!(found.contains(&path.to_owned()), "{path}: {found:?}");
        }
    }

    #[test]
    fn a_type_of_a_crate_that_is_not_allowed_is_named() {
        let mut external = External::default();
        let path = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
        let paths = ["rand::Rng", "std::io::Read", "T", "rand"].map(path);
        external.add("hopline-core", &paths.into()).unwrap();
        assert_eq!(external.to_string(), "hopline-core\n    rand::Rng\n");
        let faults = external.faults();
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].starts_with("hopline-core shows rand::Rng, "),
            "{faults:?}"
        );
    }
}

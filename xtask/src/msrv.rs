//! `cargo xtask msrv`: the oldest Rust and the oldest dependencies with which the crates build.
//!
//! Each crate is built by the toolchain that its `rust-version` names, which rustup installs if it can. Without that
//! toolchain, what the crates use of the standard library and what their dependencies declare is compared instead. The
//! oldest dependencies are those that the manifests permit, in a lock file that cargo resolves for this.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use cargo_metadata::semver::Version;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::interrupt::Interrupt;
use crate::publish;
use crate::step::Steps;
use crate::{Result, cargo, root, target};

/// A crate whose features of this prefix need the Rust version of another crate.
const NEWER: (&str, &str, &str) = ("hopline", "sqlx-", "hopline-sqlx");

/// Builds with the oldest toolchains, then with the oldest dependencies.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = oldest_rust(&mut steps).and_then(|()| oldest_dependencies(&mut steps));
    print!("\n{}", steps.table());
    outcome
}

/// The packages that one toolchain builds, with their features.
type Builds = Vec<(String, Vec<String>)>;

fn oldest_rust(steps: &mut Steps) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()?;
    for (version, builds) in builds(&metadata) {
        let toolchain = format!("{}.{}", version.major, version.minor);
        steps.time(&format!("dependencies for Rust {toolchain}"), |_| {
            let newer = newer_dependencies(&metadata, &version, &builds);
            match newer.is_empty() {
                true => Ok(()),
                false => Err(newer.join("\n").into()),
            }
        })?;
        let installed = is_installed(&toolchain);
        if !installed {
            println!(
                "Rust {toolchain} cannot be installed here; clippy compares what is used of the standard library instead"
            );
        }
        for (package, features) in builds {
            let mut build = match installed {
                true => with_toolchain(&toolchain, "check"),
                false => {
                    let mut clippy = cargo();
                    clippy.arg("clippy");
                    clippy
                }
            };
            build
                .args(["--locked", "--package", &package, "--no-default-features"])
                .args(["--features", &features.join(",")])
                .args(["--target-dir".as_ref(), target().join("msrv").as_os_str()]);
            if !installed {
                build.args(["--", "--deny", "clippy::incompatible_msrv"]);
            }
            steps.run(&format!("{package} with Rust {toolchain}"), &mut build)?;
        }
    }
    Ok(())
}

/// The published crates by their oldest Rust version; each with all features that build with it.
fn builds(metadata: &Metadata) -> BTreeMap<Version, Builds> {
    let (facade, prefix, cause) = NEWER;
    let mut builds: BTreeMap<Version, Builds> = BTreeMap::new();
    let members = metadata.workspace_packages();
    let version_of = |name: &str| {
        let package = members.iter().find(|package| *package.name == name)?;
        package.rust_version.clone()
    };
    for package in &members {
        let Some(version) = package.rust_version.clone() else {
            continue;
        };
        if package.publish == Some(Vec::new()) {
            continue;
        }
        let all: Vec<String> = package.features.keys().cloned().collect();
        let (newer, old): (Vec<String>, Vec<String>) = all
            .iter()
            .cloned()
            .partition(|feature| *package.name == facade && feature.starts_with(prefix));
        let build = (package.name.to_string(), old);
        builds.entry(version).or_default().push(build);
        if let (false, Some(version)) = (newer.is_empty(), version_of(cause)) {
            let build = (package.name.to_string(), all);
            builds.entry(version).or_default().push(build);
        }
    }
    builds
}

/// Dependencies of these builds that declare a newer Rust version, one sentence each.
fn newer_dependencies(metadata: &Metadata, version: &Version, builds: &Builds) -> Vec<String> {
    // the facade's graph has all its features
    let (facade, ..) = NEWER;
    let is_newest = builds.iter().any(|(name, _)| name == "hopline-sqlx");
    let names = builds.iter().map(|(name, _)| name.as_str());
    let starts = names.filter(|name| is_newest || *name != facade);
    let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
    let members = metadata.workspace_packages();
    let mut waiting: Vec<&PackageId> = starts
        .filter_map(|name| members.iter().find(|package| *package.name == name))
        .map(|package| &package.id)
        .collect();
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<&PackageId, _> = nodes.map(|node| (&node.id, node)).collect();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(node) = nodes.get(id) else { continue };
        let built = node.deps.iter().filter(|needed| {
            let mut kinds = needed.dep_kinds.iter();
            kinds.any(|kind| kind.kind != DependencyKind::Development)
        });
        waiting.extend(built.map(|needed| &needed.pkg));
    }
    let packages = metadata.packages.iter();
    let newer = packages.filter(|package| {
        let needs = package.rust_version.as_ref();
        seen.contains(&package.id) && needs.is_some_and(|needs| needs > version)
    });
    newer
        .filter_map(|package| {
            let needs = package.rust_version.as_ref()?;
            let (name, of) = (&package.name, &package.version);
            Some(format!(
                "{name} {of} needs Rust {needs}, and a crate that uses it declares {version}"
            ))
        })
        .collect()
}

/// Whether rustup has this toolchain, or can install it.
fn is_installed(toolchain: &str) -> bool {
    let succeeds = |arguments: &[&str]| {
        let mut rustup = Command::new("rustup");
        rustup
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        rustup.status().is_ok_and(|status| status.success())
    };
    succeeds(&["run", toolchain, "rustc", "--version"])
        || succeeds(&[
            "toolchain",
            "install",
            toolchain,
            "--profile",
            "minimal",
            "--no-self-update",
        ])
}

fn with_toolchain(toolchain: &str, command: &str) -> Command {
    let mut rustup = Command::new("rustup");
    rustup
        .args(["run", toolchain, "cargo", command])
        .current_dir(root())
        .env_remove("DATABASE_URL");
    rustup
}

/// Builds the packages with the oldest versions that their manifests permit.
fn oldest_dependencies(steps: &mut Steps) -> Result<()> {
    let packages = publish::steps_of(steps)?;
    let folder = packages.root();
    fs::remove_file(folder.join("Cargo.lock"))?;
    let mut resolve = cargo();
    resolve
        .current_dir(folder)
        .args(["-Z", "direct-minimal-versions", "generate-lockfile"])
        // the option is unstable; all it does is to write the lock file, which stable cargo reads
        .env("RUSTC_BOOTSTRAP", "1");
    steps.run("resolve the oldest dependencies", &mut resolve)?;
    let mut check = cargo();
    check
        .current_dir(folder)
        .args(["check", "--workspace", "--all-features", "--locked"])
        .args([
            "--target-dir".as_ref(),
            target().join("minimal").as_os_str(),
        ]);
    steps.run("build with the oldest dependencies", &mut check)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options(["--locked".to_owned()])
            .exec()
            .unwrap()
    }

    #[test]
    fn each_crate_is_built_by_the_version_that_it_declares() {
        let builds = builds(&metadata());
        let versions: Vec<String> = builds.keys().map(Version::to_string).collect();
        assert_eq!(versions, ["1.88.0", "1.94.0"]);
        let names = |at: usize| {
            let builds = builds.values().nth(at).unwrap();
            builds
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
        };
        assert!(names(0).contains(&"hopline-core") && names(0).contains(&"hopline"));
        assert_eq!(names(1).len(), 2, "{:?}", names(1));
        assert!(names(1).contains(&"hopline-sqlx") && names(1).contains(&"hopline"));
        let features = |at: usize| {
            let mut builds = builds.values().nth(at).unwrap().iter();
            &builds.find(|(name, _)| name == "hopline").unwrap().1
        };
        let is_newer = |feature: &String| feature.starts_with("sqlx-");
        assert!(!features(0).iter().any(is_newer) && features(1).iter().any(is_newer));
    }

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_named() {
        let mut metadata = metadata();
        let old = Version::new(1, 88, 0);
        let core = vec![("hopline-core".to_owned(), Vec::new())];
        assert_eq!(newer_dependencies(&metadata, &old, &core), [""; 0]);
        let mut packages = metadata.packages.iter_mut();
        let lock = packages
            .find(|package| *package.name == "parking_lot")
            .unwrap();
        lock.rust_version = Some(Version::new(1, 99, 0));
        let newer = newer_dependencies(&metadata, &old, &core);
        assert!(newer[0].starts_with("parking_lot ") && newer[0].contains(" needs Rust 1.99.0"));
    }
}

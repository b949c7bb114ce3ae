//! `cargo xtask publish --dry-run`: what a stranger gets of each crate, built from its package.
//!
//! Cargo packages all crates. Each is unpacked into an empty folder, with nothing of this workspace beside it but the
//! other packages, and each builds and runs its tests and its documentation's examples there. In short, as `test`
//! does, packages are only read; `cargo xtask outside` builds the facade from them.

mod package;
mod unpacked;

use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand};

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, cargo, root, target};
use package::Package;
pub(crate) use unpacked::Unpacked;

/// Packages, unpacks and reads all crates; in full builds and tests each, too.
pub(crate) fn run(short: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = steps_of(&mut steps).and_then(|packages| match short {
        true => Ok(()),
        false => build(&mut steps, &packages),
    });
    print!("\n{}", steps.table());
    outcome
}

/// The short form, as a part of another command: the packages, unpacked.
pub(crate) fn steps_of(steps: &mut Steps) -> Result<Unpacked> {
    let crates = crates()?;
    let mut pack = cargo();
    pack.args([
        "package",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
        "--offline",
    ]);
    // also where cargo was called with another one
    pack.arg("--target-dir").arg(target());
    for name in &crates {
        pack.args(["--package", name]);
    }
    steps.run("packages", &mut pack)?;
    steps.time("contents of packages", |_| {
        let unpacked = Unpacked::of(&crates, &target().join("package"))?;
        let read = |name: &String| Package::read(&unpacked.folder(name), root());
        let faults: Vec<String> = crates
            .iter()
            .map(read)
            .collect::<Result<Vec<Package>>>()?
            .iter()
            .flat_map(Package::faults)
            .collect();
        println!("   {} packages", crates.len());
        match faults.is_empty() {
            true => Ok(unpacked),
            false => Err(faults.join("\n").into()),
        }
    })
}

/// Builds each package as a dependency is built, and runs its tests and the examples of its documentation.
fn build(steps: &mut Steps, packages: &Unpacked) -> Result<()> {
    let metadata = workspace()?;
    for name in packages.names() {
        let package = metadata
            .packages
            .iter()
            .find(|package| *package.name == *name);
        for features in package.map(sets_of_features).unwrap_or_default() {
            let step = format!("{name} {}", features.join(" "));
            // Apart from the tests, whose dependencies turn features on that the crate may lack.
            let mut build = in_packages(packages.root(), "build", name, features);
            steps.run(&format!("build {step}"), &mut build)?;
            let mut test = in_packages(packages.root(), "test", name, features);
            steps.run(&format!("test {step}"), test.arg("--quiet"))?;
        }
    }
    // a nightly toolchain and these flags are what docs.rs documents a crate with
    let mut docs = cargo();
    docs.current_dir(packages.root())
        .args([
            "doc",
            "--offline",
            "--workspace",
            "--no-deps",
            "--all-features",
        ])
        .env("CARGO_TARGET_DIR", target())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
    steps.run("documentation as on docs.rs", &mut docs)
}

/// The sets of features with which a package is built: all, the default ones and none, as far as they differ.
fn sets_of_features(package: &cargo_metadata::Package) -> Vec<&'static [&'static str]> {
    let mut sets: Vec<&[&str]> = vec![&["--all-features"]];
    let defaults = package.features.get("default");
    if package.features.len() > usize::from(defaults.is_some()) {
        sets.push(&["--no-default-features"]);
    }
    if defaults.is_some_and(|defaults| !defaults.is_empty()) {
        sets.insert(1, &[]);
    }
    sets
}

fn in_packages(
    folder: &Path,
    command: &str,
    name: &str,
    features: &[&str],
) -> std::process::Command {
    let mut answer = cargo();
    answer
        .current_dir(folder)
        .args([command, "--offline", "--package", name])
        .args(features)
        // the dependencies are built once for all packages
        .env("CARGO_TARGET_DIR", target());
    answer
}

/// The crates that are published, each after those that it needs.
fn crates() -> Result<Vec<String>> {
    in_order(&workspace()?)
}

fn workspace() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    Ok(command.exec()?)
}

fn in_order(metadata: &Metadata) -> Result<Vec<String>> {
    let is_published = |package: &&cargo_metadata::Package| package.publish != Some(Vec::new());
    let mut left: Vec<_> = metadata.packages.iter().filter(is_published).collect();
    let mut ordered: Vec<String> = Vec::new();
    while !left.is_empty() {
        let names: Vec<String> = left
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        // cargo leaves path-only dev-dependencies out
        let is_packaged = |needed: &&Dependency| {
            needed.kind != DependencyKind::Development || needed.req.to_string() != "*"
        };
        let waits = |package: &cargo_metadata::Package| {
            let mut packaged = package.dependencies.iter().filter(is_packaged);
            packaged.any(|needed| names.contains(&needed.name))
        };
        let (later, now): (Vec<_>, Vec<_>) = left.into_iter().partition(|package| waits(package));
        if now.is_empty() {
            return Err(format!("these crates need each other: {}", names.join(", ")).into());
        }
        ordered.extend(now.iter().map(|package| package.name.to_string()));
        left = later;
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_features_that_are_the_same_are_built_once() {
        let metadata = workspace().unwrap();
        let sets = |name: &str| {
            let mut packages = metadata.packages.iter();
            let package = packages.find(|package| *package.name == name).unwrap();
            sets_of_features(package).concat()
        };
        assert_eq!(sets("hopline-axum"), ["--all-features"]);
        assert_eq!(
            sets("hopline-sqlx"),
            ["--all-features", "--no-default-features"]
        );
        let package = metadata
            .packages
            .iter()
            .find(|package| *package.name == "hopline-otlp");
        assert_eq!(sets_of_features(package.unwrap()).len(), 3);
    }

    #[test]
    fn each_crate_follows_those_that_it_needs() {
        let ordered = crates().unwrap();
        let at = |name: &str| ordered.iter().position(|one| one == name).unwrap();
        assert!(at("hopline-core") < at("hopline-testing"));
        assert!(at("hopline-testing") < at("hopline-tower"));
        assert!(at("hopline-axum") < at("hopline"));
        assert!(ordered.iter().all(|name| name.starts_with("hopline")));
    }
}

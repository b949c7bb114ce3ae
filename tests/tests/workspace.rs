//! The arrows of the workspace: which member may depend on which, and on what else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};
use xtask::arrows::Crate;

/// The drawing. An arrow reaches all that lies behind it: who may depend on `hopline-http` may on `hopline-core`.
const ARROWS: Drawing = &[
    ("hopline-core", &[]),
    ("hopline-http", &["hopline-core"]),
    ("hopline-tower", &["hopline-http"]),
    ("hopline-axum", &["hopline-tower"]),
    ("hopline-reqwest", &["hopline-http"]),
    ("hopline-sqlx", &["hopline-core"]),
    ("hopline-lapin", &["hopline-core"]),
    ("hopline-otlp", &["hopline-core"]),
    ("hopline-metrics", &["hopline-core"]),
    ("hopline-tracing", &["hopline-core"]),
    ("hopline-analysis", &["hopline-core"]),
    ("hopline-testing", &["hopline-analysis"]),
    ("hopline-view", &["hopline-analysis", "hopline-otlp"]),
    ("hopline-cli", &["hopline-view", "hopline-metrics"]),
    (
        "hopline",
        &[
            "hopline-axum",
            "hopline-reqwest",
            "hopline-sqlx",
            "hopline-lapin",
            "hopline-otlp",
            "hopline-metrics",
            "hopline-tracing",
            "hopline-analysis",
            "hopline-view",
        ],
    ),
    ("xtask", &[]),
];

/// The drawing of the core's folders, and of the files beside them. An arrow reaches all that lies behind it.
const CORE: Drawing = &[
    ("error", &[]),
    ("kind", &[]),
    ("limits", &[]),
    ("semconv", &[]),
    ("sync", &[]),
    ("text", &[]),
    ("redact", &[]),
    ("time", &[]),
    ("notice", &["text"]),
    ("conventions", &["notice"]),
    ("scope", &["notice"]),
    ("variables", &["notice"]),
    ("propagation", &["notice", "time"]),
    ("attribute", &["limits", "notice"]),
    ("meter", &["attribute", "propagation"]),
    ("sampling", &["kind", "propagation", "sync"]),
    ("record", &["attribute", "kind", "propagation"]),
    ("export", &["record", "sampling", "scope"]),
    ("engine", &["export", "meter", "semconv"]),
    ("span", &["engine"]),
    ("metrics", &["span"]),
];

/// The circles of files that are meant, by crate.
const CIRCLES: &[(&str, &[&str])] = &[(
    "hopline-core",
    // its reason is in engine/README.md
    &[
        "engine::buffer",
        "engine::buffer::append",
        "engine::buffer::cut",
        "engine::buffer::end",
        "engine::buffer::room",
        "engine::pool",
        "engine::shared",
        "engine::trace_ref",
    ],
)];

/// All that the core may take from outside: no runtime, no HTTP, no exporter.
const CORE_TAKES: &[&str] = &[
    "arc-swap",
    "fastrand",
    "loom",
    "parking_lot",
    "pin-project-lite",
    "quanta",
    "rand",
    "thiserror",
];

/// No crate names these: the SDK would be in every build.
const OPENTELEMETRY: &[&str] = &["opentelemetry", "opentelemetry_sdk"];

#[test]
fn the_workspace_keeps_its_arrows() {
    let metadata = workspace();
    assert!(
        metadata.workspace_packages().len() > 10,
        "the members were read"
    );
    assert_eq!(violations(&metadata), [""; 0]);
}

#[test]
fn a_forbidden_arrow_is_named() {
    for (package, dependency, kind) in [
        ("hopline-axum", "hopline-otlp", DependencyKind::Normal),
        ("hopline-sqlx", "hopline-http", DependencyKind::Normal),
        ("hopline-core", "hopline-analysis", DependencyKind::Build),
        ("hopline-reqwest", "checkout", DependencyKind::Normal),
        ("xtask", "hopline-core", DependencyKind::Normal),
    ] {
        let mut metadata = workspace();
        add(&mut metadata, package, |added| {
            added.name = dependency.to_owned();
            added.kind = kind;
        });
        let expected = format!("{package} ─► {dependency} is not drawn");
        assert_eq!(violations(&metadata), [expected]);
    }
}

#[test]
fn arrows_of_tests_alone_are_free() {
    let mut metadata = workspace();
    add(&mut metadata, "hopline-core", |added| {
        added.name = "hopline-testing".to_owned();
        added.kind = DependencyKind::Development;
    });
    assert_eq!(violations(&metadata), [""; 0]);
}

#[test]
fn the_facade_takes_a_crate_by_feature_only() {
    let mut metadata = workspace();
    add(&mut metadata, "hopline", |added| {
        added.name = "hopline-reqwest".to_owned();
        added.optional = false;
    });
    assert_eq!(
        violations(&metadata),
        ["hopline ─► hopline-reqwest is drawn by feature, so it must be optional"]
    );
}

#[test]
fn a_stranger_in_the_core_is_named() {
    for (name, kind) in [
        ("tokio", DependencyKind::Normal),
        ("http", DependencyKind::Normal),
        ("cc", DependencyKind::Build),
    ] {
        let mut metadata = workspace();
        add(&mut metadata, "hopline-core", |added| {
            added.name = name.to_owned();
            added.kind = kind;
        });
        let expected = format!(
            "hopline-core ─► {name}: the core takes only {}",
            CORE_TAKES.join(", ")
        );
        assert_eq!(violations(&metadata), [expected]);
    }
}

#[test]
fn opentelemetry_outside_its_crate_is_named() {
    let mut metadata = workspace();
    add(&mut metadata, "hopline-otlp", |added| {
        added.name = "opentelemetry_sdk".to_owned();
        added.rename = Some("sdk".to_owned());
    });
    assert_eq!(
        violations(&metadata),
        ["hopline-otlp ─► opentelemetry_sdk is OpenTelemetry's SDK, which no crate may name"]
    );
}

#[test]
fn a_version_on_a_member_in_tests_is_named_where_it_closes_a_circle() {
    let with = |package: &str| {
        let mut metadata = workspace();
        add(&mut metadata, package, |added| {
            added.name = "hopline-testing".to_owned();
            added.kind = DependencyKind::Development;
            added.req = "^0.1.0".parse().unwrap();
        });
        violations(&metadata)
    };
    let expected = "hopline-core ─► hopline-testing (tests): path only, without the version ^0.1.0: \
                    hopline-testing would be published before hopline-core, which it needs";
    assert_eq!(with("hopline-core"), [expected]);
    assert_eq!(with("hopline-otlp"), [""; 0]);
}

#[test]
fn a_wrong_rust_version_is_named() {
    for (name, expected) in [
        (
            "hopline-core",
            "hopline-core: rust-version must be 1.88, not 1.90",
        ),
        (
            "hopline-sqlx",
            "hopline-sqlx: rust-version must be 1.94, not 1.90",
        ),
        ("checkout", "checkout: rust-version must be 1.94, not 1.90"),
    ] {
        let mut metadata = workspace();
        package(&mut metadata, name).rust_version = "1.90.0".parse().ok();
        assert_eq!(violations(&metadata), [expected]);
    }
}

#[test]
fn a_crate_without_arrows_is_named() {
    let mut metadata = workspace();
    let manifest = metadata
        .workspace_root
        .join("crates/hopline-new/Cargo.toml");
    let added = package(&mut metadata, "hopline-http");
    added.name = "hopline-new".parse().unwrap();
    added.manifest_path = manifest;
    let found = violations(&metadata);
    assert!(
        found.contains(&"hopline-new is not in the drawing".to_owned()),
        "{found:?}"
    );
}

#[test]
fn the_core_keeps_the_arrows_between_its_folders() {
    let core = Crate::read(&folder("hopline-core")).unwrap();
    assert!(core.folders().len() > 8, "the folders were read");
    assert_eq!(undrawn_units(&core), [""; 0]);
}

#[test]
fn a_forbidden_arrow_between_folders_is_named() {
    let sources = [
        (
            "engine/mod.rs",
            "use crate::time::Clock; use crate::span::Span;",
        ),
        ("span/mod.rs", "pub(crate) struct Span;"),
        ("time/mod.rs", "pub(crate) struct Clock;"),
        ("new.rs", ""),
    ];
    let sources = sources.map(|(path, text)| (Path::new(path), text));
    assert_eq!(
        undrawn_units(&Crate::of_sources(sources).unwrap()),
        ["engine ─► span is not drawn", "new is not in the drawing"]
    );
}

#[test]
fn no_folders_of_a_crate_import_each_other_in_a_circle() {
    for (name, sources) in crates() {
        let circles = sources.folder_circles();
        assert_eq!(circles, [[""; 0]; 0], "{name}; see `cargo xtask arrows`");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle_except_the_engine_of_the_core() {
    for (name, sources) in crates() {
        let circles = sources.file_circles();
        let known = CIRCLES.iter().filter(|(of, _)| *of == name);
        let known: Vec<&[&str]> = known.map(|(_, files)| *files).collect();
        assert_eq!(circles, known, "{name}; see `cargo xtask arrows`");
    }
}

/// The published crates with their sources.
fn crates() -> Vec<(String, Crate)> {
    let metadata = workspace();
    let names = metadata.workspace_packages();
    let names = names.iter().map(|package| package.name.to_string());
    let crates: Vec<(String, Crate)> = names
        .filter(|name| folder(name).is_dir())
        .map(|name| {
            let sources = Crate::read(&folder(&name)).unwrap();
            (name, sources)
        })
        .collect();
    assert!(crates.len() > 10, "the crates were read");
    crates
}

/// The sources of a published crate.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates")
        .join(name)
        .join("src")
}

/// The arrows between the core's folders that are not drawn, one sentence each.
fn undrawn_units(core: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (from, targets) in core.units() {
        if arrows(CORE, &from).is_none() {
            found.push(format!("{from} is not in the drawing"));
        }
        let undrawn = targets.iter().filter(|to| !reaches(CORE, &from, to));
        found.extend(undrawn.map(|to| format!("{from} ─► {to} is not drawn")));
    }
    found
}

/// The violations of the rules in the manifests of the workspace, one sentence each.
fn violations(metadata: &Metadata) -> Vec<String> {
    let members = metadata.workspace_packages();
    let names: BTreeSet<&str> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut found = Vec::new();
    for package in members {
        let is_free = is_free(metadata, package);
        if !is_free && arrows(ARROWS, &package.name).is_none() {
            found.push(format!("{} is not in the drawing", package.name));
        }
        for dependency in &package.dependencies {
            // A member is known by its name; a dependency on one of another origin would be worse still.
            let to_member = names.contains(dependency.name.as_str())
                || arrows(ARROWS, &dependency.name).is_some();
            let complaint = match dependency.kind {
                DependencyKind::Development if to_member => {
                    closes_a_circle(metadata, &package.name, dependency)
                }
                DependencyKind::Development => None,
                _ if to_member => undrawn(&package.name, dependency, is_free),
                _ => stranger(&package.name, dependency, is_free),
            };
            let tests = if dependency.kind == DependencyKind::Development {
                " (tests)"
            } else {
                ""
            };
            found.extend(
                complaint.map(|why| format!("{} ─► {}{tests}{why}", package.name, dependency.name)),
            );
        }
        found.extend(wrong_rust_version(package, is_free));
    }
    found
}

/// Benchmarks, examples and tests may depend on anything.
fn is_free(metadata: &Metadata, package: &Package) -> bool {
    ["benches", "examples", "tests"].iter().any(|folder| {
        package
            .manifest_path
            .starts_with(metadata.workspace_root.join(folder))
    })
}

fn undrawn(package: &str, dependency: &Dependency, is_free: bool) -> Option<String> {
    if is_free {
        return None;
    }
    if !reaches(ARROWS, package, &dependency.name) {
        return Some(" is not drawn".to_owned());
    }
    let by_feature = package == "hopline" && dependency.name != "hopline-core";
    (by_feature && !dependency.optional)
        .then(|| " is drawn by feature, so it must be optional".to_owned())
}

fn stranger(package: &str, dependency: &Dependency, is_free: bool) -> Option<String> {
    let name = dependency.name.as_str();
    if package == "hopline-core" && !CORE_TAKES.contains(&name) {
        return Some(format!(": the core takes only {}", CORE_TAKES.join(", ")));
    }
    // an example may show what is moved away from
    let misplaced = !is_free && OPENTELEMETRY.contains(&name);
    misplaced.then(|| " is OpenTelemetry's SDK, which no crate may name".to_owned())
}

/// A dependency with a version is published before the crate whose tests and examples need it.
fn closes_a_circle(metadata: &Metadata, package: &str, dependency: &Dependency) -> Option<String> {
    let name = &dependency.name;
    let circle = is_versioned(dependency) && is_published_before(metadata, package, name);
    circle.then(|| {
        format!(
            ": path only, without the version {}: {name} would be published before {package}, which it needs",
            dependency.req
        )
    })
}

/// True if `later` needs `first`, directly or not, in what is published of it.
fn is_published_before(metadata: &Metadata, first: &str, later: &str) -> bool {
    let member = metadata
        .packages
        .iter()
        .find(|package| package.name == later);
    let needs = member
        .into_iter()
        .flat_map(|package| &package.dependencies)
        .filter(|needed| is_versioned(needed) && needed.path.is_some());
    needs
        .into_iter()
        .any(|needed| needed.name == first || is_published_before(metadata, first, &needed.name))
}

/// Cargo leaves path-only dev-dependencies out of what it publishes.
fn is_versioned(dependency: &Dependency) -> bool {
    dependency.kind != DependencyKind::Development || dependency.req.to_string() != "*"
}

fn wrong_rust_version(package: &Package, is_free: bool) -> Option<String> {
    // sqlx asks for the newer one, and examples and tests use it.
    let minor = if is_free || package.name == "hopline-sqlx" {
        94
    } else {
        88
    };
    let right = package
        .rust_version
        .as_ref()
        .is_some_and(|version| (version.major, version.minor) == (1, minor));
    let is = package
        .rust_version
        .as_ref()
        .map_or("nothing".to_owned(), |version| {
            format!("{}.{}", version.major, version.minor)
        });
    (!right).then(|| format!("{}: rust-version must be 1.{minor}, not {is}", package.name))
}

type Drawing = &'static [(&'static str, &'static [&'static str])];

fn arrows(drawing: Drawing, from: &str) -> Option<&'static [&'static str]> {
    drawing
        .iter()
        .find(|(name, _)| *name == from)
        .map(|(_, to)| *to)
}

fn reaches(drawing: Drawing, from: &str, to: &str) -> bool {
    arrows(drawing, from)
        .unwrap_or_default()
        .iter()
        .any(|next| *next == to || reaches(drawing, next, to))
}

fn workspace() -> Metadata {
    // The manifests suffice: without resolution, nothing is fetched.
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

fn package<'a>(metadata: &'a mut Metadata, name: &str) -> &'a mut Package {
    metadata
        .packages
        .iter_mut()
        .find(|package| package.name == name)
        .unwrap()
}

/// Gives `to` one more dependency, made from one it or another member has.
fn add(metadata: &mut Metadata, to: &str, change: impl FnOnce(&mut Dependency)) {
    let plain = |dependency: &&Dependency| {
        dependency.kind == DependencyKind::Normal && dependency.rename.is_none()
    };
    let all = metadata
        .packages
        .iter()
        .flat_map(|package| &package.dependencies);
    let mut added = all.clone().find(plain).unwrap().clone();
    added.req = "*".parse().unwrap();
    added.optional = true;
    change(&mut added);
    package(metadata, to).dependencies.push(added);
}

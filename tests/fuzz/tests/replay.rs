//! The committed inputs of every fuzz target, and the files that a target needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hopline_fuzz_bodies::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a folder; none where it is missing.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_seeds_and_what_was_found_hold() {
    for (name, run) in TARGETS {
        let seeds = files(&fuzz().join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for input in [seeds, files(&fuzz().join("findings").join(name))].concat() {
            // the harness shows it where the target panics
            eprintln!("{}", input.display());
            let bytes = fs::read(&input).unwrap();
            run(&bytes);
            for at in 0..bytes.len().min(512) {
                run(&bytes[..at]);
            }
        }
    }
}

#[test]
fn every_target_has_its_files() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let files = files(&fuzz().join(folder));
        let stem = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
        files.iter().map(stem).collect()
    };
    for folder in ["fuzz_targets", "seeds", "dictionaries"] {
        assert_eq!(stems(folder), names, "fuzz/{folder}");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let bins = manifest.matches("[[bin]]").count();
    assert_eq!(bins, names.len(), "a [[bin]] for each target");
    for (name, _) in TARGETS {
        let file = fuzz().join(format!("fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(file).unwrap();
        let call = format!("hopline_fuzz_bodies::{name}(data)");
        assert!(text.contains(&call), "{name} runs its own body");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

//! `cargo xtask fuzz`: the parsers under libFuzzer, for a bounded time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, cargo, root, target};

/// The flags with which libFuzzer measures the coverage of an input. rustc's stable release accepts them, so no
/// nightly is needed; `cargo fuzz`, which would also turn on sanitizers, finds its layout in `fuzz/` where there is one.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Longer than every limit of the headers, so that both sides of each are reached.
const MAX_BYTES: u32 = 20_000;

/// Runs one target or all, one after the other, each for `time`.
pub(crate) fn run(time: Duration, only: Option<&str>) -> Result<()> {
    let names = chosen(names()?, only)?;
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = all(&mut steps, &names, time);
    print!("\n{}", steps.table());
    outcome
}

/// The duration of `--seconds`.
pub(crate) fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| format!("`{text}` is no number of seconds above 0"))?;
    Ok(Duration::from_secs(seconds))
}

fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let name = file?.path();
        names.extend(name.file_stem().map(|stem| stem.display().to_string()));
    }
    names.sort();
    Ok(names)
}

fn chosen(names: Vec<String>, only: Option<&str>) -> Result<Vec<String>> {
    let Some(only) = only else { return Ok(names) };
    if names.iter().any(|name| name == only) {
        return Ok(vec![only.to_owned()]);
    }
    Err(format!("no fuzz target `{only}`; there are: {}", names.join(", ")).into())
}

fn all(steps: &mut Steps, names: &[String], time: Duration) -> Result<()> {
    let programs = build(steps)?;
    for name in names {
        fuzz(steps, &programs, name, time)?;
    }
    Ok(())
}

/// Builds all targets, and returns the folder of their programs.
fn build(steps: &mut Steps) -> Result<PathBuf> {
    if std::env::var_os("CXX").is_none() && !apt::on_path("c++") {
        let instead = "install a C++ compiler, with which libFuzzer is built, or set CXX";
        apt::install(&["g++", "libc6-dev"], instead)?;
    }
    let host = host()?;
    let folder = folder();
    let mut build = cargo();
    build
        .args(["build", "--release", "--bins", "--target", &host])
        .arg("--manifest-path")
        .arg(root().join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        // it would hide the flags
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", COVERAGE);
    steps.run("build", &mut build).map_err(|error| {
        format!(
            "{error}; fuzzing needs a rustc whose LLVM has SanitizerCoverage and a C++ compiler for {host}"
        )
    })?;
    Ok(folder.join(host).join("release"))
}

fn fuzz(steps: &mut Steps, programs: &Path, name: &str, time: Duration) -> Result<()> {
    let folder = folder();
    let (corpus, findings) = (folder.join("corpus").join(name), folder.join("findings"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    let log = folder.join(format!("{name}.log"));
    let file = File::create(&log)?;
    let sources = root().join("fuzz");
    let mut program = Command::new(programs.join(name));
    program
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=1024"])
        .arg(format!("-max_len={MAX_BYTES}"))
        .arg(format!(
            "-dict={}",
            sources.join("dictionaries").join(name).display()
        ))
        .arg(format!("-artifact_prefix={}/{name}-", findings.display()))
        // new inputs are written to the first folder, the others are only read
        .args([&corpus, &sources.join("seeds").join(name)])
        .stdout(file.try_clone()?)
        .stderr(file);
    let committed = sources.join("findings").join(name);
    if committed.is_dir() {
        program.arg(committed);
    }
    let outcome = steps.run(name, &mut program);
    let log_text = fs::read(&log).unwrap_or_default();
    let summary = summary(&String::from_utf8_lossy(&log_text));
    println!("   {summary}");
    outcome.map_err(|error| {
        let hint = format!(
            "an input that breaks it is in {}; mend it and commit the input to fuzz/findings/{name}/",
            findings.display()
        );
        format!("{error}; see {}; {hint}", log.display()).into()
    })
}

/// The numbers of a run, from what libFuzzer prints.
fn summary(log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    };
    let covered = log.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once(" cov: ")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    let or = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    format!(
        "{} executions, {} edges reached, slowest {} s, {} MiB at most",
        or(number("stat::number_of_executed_units:")),
        or(covered),
        or(number("stat::slowest_unit_time_sec:")),
        or(number("stat::peak_rss_mb:")),
    )
}

fn folder() -> PathBuf {
    target().join("fuzz")
}

/// The machine's target triple. Naming it keeps the flags away from build scripts and procedural macros.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc does not print its host".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_found_and_a_wrong_one_is_named() {
        let names = names().unwrap();
        assert!(names.contains(&"traceparent".to_owned()), "{names:?}");
        let error = chosen(names.clone(), Some("trace")).unwrap_err();
        let text = format!("no fuzz target `trace`; there are: {}", names.join(", "));
        assert_eq!(error.to_string(), text);
        assert_eq!(chosen(names, Some("plan")).unwrap(), ["plan"]);
    }

    #[test]
    fn a_run_is_summed_up() {
        let log = "#2\tINITED cov: 3 ft: 4\n#9\tNEW    cov: 17 ft: 20 corp: 2/5b\nDone 99 runs in 1 second(s)\n\
            stat::number_of_executed_units: 99\nstat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              29\n";
        let text = "99 executions, 17 edges reached, slowest 0 s, 29 MiB at most";
        assert_eq!(summary(log), text);
    }

    #[test]
    fn a_time_is_a_number_above_0() {
        assert_eq!(seconds("600").unwrap(), Duration::from_secs(600));
        for text in ["0", "-1", "1m", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}

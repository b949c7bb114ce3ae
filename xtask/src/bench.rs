//! `cargo xtask bench`: what hopline costs, counted against committed numbers or measured beside its peers.

use std::process::Command;

use crate::cargo;
use crate::interrupt::Interrupt;
use crate::services::Services;
use crate::step::Steps;
use crate::{Result, apt, postgres, target};

const GATE: [&str; 4] = ["--profile", "gate", "--package", "hopline-gate"];
/// The folder in which the processes of Postgres under callgrind write their counts.
const COUNTED_DIR: &str = "HOPLINE_BENCH_COUNTED_POSTGRES_DIR";
/// Long enough that most of the time the viewer's memory is at its bound.
const VIEW_SECONDS: &str = "20";
/// Spans a second that a viewer has to receive on two processors, with the sender on the same ones.
const VIEW_AT_LEAST: &str = "100000";
/// The comparison, a workspace of its own, from the root.
pub(crate) const PEERS: &str = "benches/peers/Cargo.toml";

/// Runs what the arguments name; those it does not know are the comparison's own.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    match arguments {
        ["--gate"] => gate(&mut steps, &[]),
        ["--gate", "--write"] => gate(&mut steps, &["--write"]),
        ["--soak", seconds] => soak(&mut steps, seconds),
        ["--view"] => view(&mut steps, VIEW_SECONDS),
        ["--view", seconds] => view(&mut steps, seconds),
        others => compare(&mut steps, others),
    }
}

/// Installs valgrind where it is missing.
pub(crate) fn install() -> Result<()> {
    if apt::on_path("valgrind") {
        return Ok(());
    }
    apt::install(&["valgrind"], "install valgrind")
}

/// Counts instructions and allocations, as the last of the steps so far.
pub(crate) fn gate(steps: &mut Steps, arguments: &[&str]) -> Result<()> {
    steps.time("valgrind", |_| install())?;
    // both of its programs, one of which runs the other
    steps.run("build the gate", cargo().arg("build").args(GATE))?;
    steps.run("gate", &mut in_gate(arguments))
}

fn soak(steps: &mut Steps, seconds: &str) -> Result<()> {
    steps.run("soak", &mut in_gate(&["--soak", seconds]))
}

/// Spans sent to a viewer whose memory is at its bound.
fn view(steps: &mut Steps, seconds: &str) -> Result<()> {
    let mut command = cargo();
    command
        .args(["run", "--release", "--package", "hopline-view"])
        .args(["--features", "server", "--example", "throughput", "--"])
        .args([seconds, VIEW_AT_LEAST]);
    steps.run("viewer", &mut command)
}

fn in_gate(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .arg("run")
        .args(GATE)
        .args(["--bin", "hopline-gate", "--"])
        .args(arguments);
    command
}

/// A workspace of its own, so that nothing else builds the peers.
fn compare(steps: &mut Steps, arguments: &[&str]) -> Result<()> {
    steps.time("valgrind", |_| install())?;
    let folder = target();
    let target = folder.join("peers");
    let in_peers = |command: &str| {
        let mut cargo = cargo();
        cargo
            .arg(command)
            .args(["--release", "--manifest-path"])
            .arg(PEERS);
        cargo.arg("--target-dir").arg(&target);
        cargo
    };
    steps.run("build the benchmarks", &mut in_peers("build"))?;
    let report = folder.join("bench.json");
    let mut run = in_peers("run");
    // Held to the end: dropping it stops the servers, also after an error.
    let mut services = None;
    if asks_for_databases(arguments) {
        let mut started = steps.time("Postgres", |interrupt| {
            let wanted = [postgres::VARIABLE];
            Services::install(&wanted)?;
            Services::start(&wanted, interrupt)
        })?;
        let counted = steps.time("Postgres under callgrind", |interrupt| {
            started.add_counted_postgres(interrupt)
        })?;
        run.envs(started.urls());
        run.env(COUNTED_DIR, counted);
        services = Some(started);
    }
    run.args(["--bin", "hopline-bench", "--", "--json"])
        .arg(report)
        .args(arguments);
    steps.run("bench", &mut run)?;
    drop(services);
    Ok(())
}

/// True unless other cases are named.
fn asks_for_databases(arguments: &[&str]) -> bool {
    let mut named = arguments
        .iter()
        .zip(arguments.iter().skip(1))
        .filter(|(option, _)| **option == "--cases")
        .map(|(_, cases)| cases)
        .peekable();
    named.peek().is_none() || named.any(|cases| cases.contains("sqlx"))
}

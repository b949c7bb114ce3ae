//! `cargo xtask page`: the page of `hopline view` in headless Chromium.

use std::path::PathBuf;
use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, cargo, npm, root, target};

/// Programs that the test needs, with Debian's packages of them.
const PROGRAMS: [(&str, &[&str]); 2] = [("chromium", &["chromium"]), ("npm", &["nodejs", "npm"])];

/// All checks and the pictures, or the short form of `cargo xtask test`.
pub(crate) fn run(short: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = steps_of(&mut steps, short);
    print!("\n{}", steps.table());
    if outcome.is_ok() && !short {
        println!("\npictures of each view: {}", folder().display());
    }
    outcome
}

/// Its steps, also among others.
pub(crate) fn steps_of(steps: &mut Steps, short: bool) -> Result<()> {
    steps.time("page: install", |_| install())?;
    let tests = root().join("tests/page");
    let wanted = tests.join("package.json");
    let modules = npm::modules(steps, "page: packages", &wanted, &folder())?;

    let mut types = Command::new(modules.join(".bin/tsc"));
    types.arg("--project").arg(tests.join("tsconfig.json"));
    steps.run("page: types", &mut types)?;

    let mut units = Command::new("node");
    units.arg("--test").arg(tests.join("unit"));
    steps.run("page: modules", &mut units)?;

    let example = ["build", "--package", "checkout"];
    steps.run("page: example", cargo().args(example))?;
    // as users install it; the short form shares what the other steps of `test` have built
    let profile = if short { "dev" } else { "release" };
    let viewer = ["build", "--package", "hopline-cli", "--profile", profile];
    steps.run("page: viewer", cargo().args(viewer))?;

    let built = |profile: &str, name: &str| target().join(profile).join(name);
    let optimised = if short { "debug" } else { "release" };
    let chromium = apt::find_program("chromium").ok_or("chromium is installed and not on PATH")?;
    let mut drive = Command::new("node");
    drive.arg(tests.join("main.mjs"));
    drive.arg("--hopline").arg(built(optimised, "hopline"));
    drive.arg("--checkout").arg(built("debug", "checkout"));
    drive.arg("--chromium").arg(chromium);
    drive.arg("--out").arg(folder());
    if short {
        drive.arg("--short");
    }
    drive.env("NODE_PATH", &modules);
    // the example uses its own database and broker
    drive.env_remove("DATABASE_URL").env_remove("AMQP_URL");
    steps.run("page: browser", &mut drive)
}

fn folder() -> PathBuf {
    target().join("page")
}

fn install() -> Result<()> {
    let missing = PROGRAMS
        .iter()
        .filter(|(name, _)| apt::find_program(name).is_none());
    let packages: Vec<&str> = missing
        .flat_map(|(_, packages)| *packages)
        .copied()
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    apt::install(&packages, "install Chromium, and Node with npm")
}

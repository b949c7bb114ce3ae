//! `cargo xtask neighbours`: one trace through services of Python, Node and hopline.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, npm, root, target};

/// Sets the neighbours up in `target/neighbours`, where that has not been done yet, and runs the test.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = all(&mut steps);
    print!("\n{}", steps.table());
    outcome
}

fn all(steps: &mut Steps) -> Result<()> {
    let folder = target().join("neighbours");
    std::fs::create_dir_all(&folder)?;
    steps.time("install", |_| install())?;
    let python = python(steps, &folder)?;
    let modules = npm::modules(
        steps,
        "node: packages",
        &wanted("package.json"),
        &folder.join("node"),
    )?;
    let mut test = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    test.current_dir(root())
        .args(["run", "--package", "hopline-neighbours"])
        .env("NEIGHBOUR_PYTHON", python)
        .env("NODE_PATH", modules);
    steps.run("one trace through all", &mut test)
}

fn install() -> Result<()> {
    let instead = "install Python with venv, and Node with npm";
    if !apt::on_path("python3") {
        apt::install(&["python3-venv"], instead)?;
    }
    if !apt::on_path("npm") {
        apt::install(&["nodejs", "npm"], instead)?;
    }
    Ok(())
}

/// The interpreter of a virtual environment with what `requirements.txt` names.
fn python(steps: &mut Steps, folder: &Path) -> Result<PathBuf> {
    let (venv, wanted) = (folder.join("python"), wanted("requirements.txt"));
    let python = venv.join("bin/python");
    if is_done(&venv, &wanted)? {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    steps.run("python: environment", make.args(["-m", "venv"]).arg(&venv))?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    steps.run("python: packages", install.arg(&wanted))?;
    done(&venv, &wanted)?;
    Ok(python)
}

fn wanted(file: &str) -> PathBuf {
    root().join("tests/neighbours").join(file)
}

/// A copy of the requirements, written last: its presence shows that the folder is complete.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("installed")
}

fn is_done(folder: &Path, wanted: &Path) -> Result<bool> {
    let wanted = std::fs::read(wanted)?;
    Ok(std::fs::read(stamp(folder)).is_ok_and(|installed| installed == wanted))
}

fn done(folder: &Path, wanted: &Path) -> Result<()> {
    std::fs::copy(wanted, stamp(folder))?;
    Ok(())
}

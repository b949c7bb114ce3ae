//! `cargo xtask neighbours`: exporters of Python and Node into the viewer, and one trace through services of Python, Node and
//! hopline.

use std::path::PathBuf;
use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, apt, npm, python, root, target};

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
    let python = python(steps)?;
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
    steps.run("spans of all", &mut test)
}

fn install() -> Result<()> {
    if !apt::on_path("npm") {
        apt::install(&["nodejs", "npm"], "install Node with npm")?;
    }
    Ok(())
}

/// The interpreter of a virtual environment with what `requirements.txt` names.
fn python(steps: &mut Steps) -> Result<PathBuf> {
    let wanted = std::fs::read_to_string(wanted("requirements.txt"))?;
    let packages = wanted.lines().map(str::trim);
    let packages: Vec<&str> = packages
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    python::environment(steps, "neighbours", &packages, false)
}

fn wanted(file: &str) -> PathBuf {
    root().join("tests/neighbours").join(file)
}

//! `cargo xtask receivers`: what others' receivers make of the spans that are sent to them.

use std::path::PathBuf;
use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, cargo, target};

/// Pinned, so that the same sources give the same answer.
const PACKAGES: [&str; 3] = [
    "opentelemetry-proto==1.45.2",
    "grpcio==1.85.3",
    "rotel==0.0.1a15",
];

/// Installs the receivers into a virtual environment where they are missing, and runs the comparison.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = compare(&mut steps);
    print!("\n{}", steps.table());
    outcome
}

fn compare(steps: &mut Steps) -> Result<()> {
    let environment = target().join("tools/receivers");
    let python = environment.join("bin/python");
    // written last, so that an installation that was interrupted is begun anew
    let installed = environment.join("installed");
    let packages = PACKAGES.join("\n");
    if std::fs::read_to_string(&installed).ok().as_deref() != Some(&packages) {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&environment);
        steps.run("virtual environment", &mut make)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES);
        steps.run("install receivers", &mut pip)?;
        std::fs::write(&installed, packages)?;
    }
    let mut run = cargo();
    run.args(["run", "--quiet", "--package", "hopline-stories"])
        .args(["--example", "receivers", "--"])
        .arg(&python)
        .arg(rotel(&python)?);
    steps.run("compare", &mut run)
}

/// The program inside the Python package.
fn rotel(python: &PathBuf) -> Result<PathBuf> {
    let ask = "import pathlib, rotel; print(pathlib.Path(rotel.__file__).parent / 'rotel-agent')";
    let answer = Command::new(python).args(["-c", ask]).output()?;
    let path = PathBuf::from(String::from_utf8(answer.stdout)?.trim());
    if path.is_file() {
        Ok(path)
    } else {
        Err("the Python package rotel holds no program of that name".into())
    }
}

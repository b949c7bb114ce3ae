//! `cargo xtask receivers`: sends spans and metrics to receivers of other projects, and compares what arrives.

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, cargo, python};

/// The receivers, and what reads the requests of one of them.
const PACKAGES: [&str; 3] = [
    "opentelemetry-proto==1.45.2",
    "grpcio==1.85.3",
    python::ROTEL,
];

/// Installs the receivers into a virtual environment where they are missing, and runs the comparison.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = compare(&mut steps);
    print!("\n{}", steps.table());
    outcome
}

fn compare(steps: &mut Steps) -> Result<()> {
    let python = python::environment(steps, "receivers", &PACKAGES, false)?;
    let mut run = cargo();
    run.args(["run", "--quiet", "--package", "hopline-stories"])
        .args(["--example", "receivers", "--"])
        .arg(&python)
        .arg(python::rotel(&python)?);
    steps.run("compare", &mut run)
}

//! `cargo xtask hostile`: a traced service under every attack and fault at once, beside its untraced twin.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, cargo};

/// Attacks for this many minutes.
pub(crate) fn run(minutes: &str) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = steps.run("hostile", &mut program(&["--minutes", minutes]));
    print!("\n{}", steps.table());
    outcome
}

/// Its short form.
pub(crate) fn run_short() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = steps.run("hostile, in short", &mut short());
    print!("\n{}", steps.table());
    outcome
}

/// Its short form, as a step among others.
pub(crate) fn short() -> Command {
    program(&["--short"])
}

fn program(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--package", "hopline-hostile", "--"])
        .args(arguments);
    command
}

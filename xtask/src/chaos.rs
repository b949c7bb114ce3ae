//! `cargo xtask chaos`: publishers and consumers whose broker is killed under them.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::services::Services;
use crate::step::Steps;
use crate::{Result, cargo, rabbitmq};

const LONG: [&str; 4] = ["--messages", "50000", "--kills", "5"];
/// The arguments of the short form, which each test run includes.
const SHORT: [&str; 4] = ["--messages", "4000", "--kills", "1"];

/// All of it, or a first look.
pub(crate) fn run(short: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    Services::install(&[rabbitmq::VARIABLE])?;
    let arguments = if short { SHORT } else { LONG };
    let outcome = steps.run("chaos", &mut program(&arguments));
    print!("\n{}", steps.table());
    outcome
}

/// Its short form, as a step among others.
pub(crate) fn short() -> Command {
    program(&SHORT)
}

fn program(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--package", "hopline-chaos", "--"])
        .args(arguments);
    command
}

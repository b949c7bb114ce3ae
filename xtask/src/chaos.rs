//! `cargo xtask chaos`: publishers and consumers whose broker is killed under them.

use crate::interrupt::Interrupt;
use crate::services::Services;
use crate::step::Steps;
use crate::{Result, cargo, rabbitmq};

const LONG: [&str; 4] = ["--messages", "50000", "--kills", "5"];
const SHORT: [&str; 4] = ["--messages", "4000", "--kills", "1"];

/// All of it, or a first look.
pub(crate) fn run(short: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    Services::install(&[rabbitmq::VARIABLE])?;
    let arguments = if short { SHORT } else { LONG };
    let mut program = cargo();
    program
        .args(["run", "--package", "hopline-chaos", "--"])
        .args(arguments);
    let outcome = steps.run("chaos", &mut program);
    print!("\n{}", steps.table());
    outcome
}

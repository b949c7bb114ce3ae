//! `cargo xtask deploy`: the parts of `deploy/` that can run on one machine.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::services::Services;
use crate::step::Steps;
use crate::{Result, cargo, python, target};

/// ClickHouse's engine as a Python module, without the data frames that it can also return.
const CLICKHOUSE: &str = "chdb-core==26.9.0";

/// All of it, or without ClickHouse's engine, which takes 560 MB.
pub(crate) fn run(short: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = steps_of(&mut steps, short);
    print!("\n{}", steps.table());
    outcome
}

/// Its steps, also among others.
pub(crate) fn steps_of(steps: &mut Steps, short: bool) -> Result<()> {
    steps.time("deploy: install", |_| Services::install_for_tests(&[]))?;
    let collectors = python::environment(steps, "collectors", &[python::ROTEL], true)?;
    let engine = match short {
        true => None,
        false => Some(python::environment(
            steps,
            "clickhouse",
            &[CLICKHOUSE],
            true,
        )?),
    };
    let packages = [
        "build",
        "--package",
        "checkout",
        "--package",
        "hopline-deploy",
    ];
    steps.run("deploy: build", cargo().args(packages))?;

    let built = |name: &str| target().join("debug").join(name);
    let mut check = Command::new(built("hopline-deploy"));
    check.arg("--checkout").arg(built("checkout"));
    check.arg("--rotel").arg(python::rotel(&collectors)?);
    if let Some(engine) = engine {
        check.arg("--chdb").arg(engine);
    }
    steps.run("deploy: run", &mut check)
}

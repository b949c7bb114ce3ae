//! `cargo xtask audit`: what the dependencies' authors allow, and where they come from.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, root, tool};

/// Pinned, so that the same sources give the same answer.
const VERSION: &str = "cargo-deny@0.20.2";

/// Builds cargo-deny where it is missing, and runs it by `deny.toml`. The list of advisories is fetched if it is asked for.
pub(crate) fn run(advisories: bool) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = check(&mut steps, advisories);
    print!("\n{}", steps.table());
    outcome
}

fn check(steps: &mut Steps, advisories: bool) -> Result<()> {
    let deny = tool::installed(steps, VERSION, &[])?;
    let mut check = Command::new(&deny);
    check.current_dir(root()).args([
        "--workspace",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
    ]);
    check.args(["licenses", "bans", "sources"]);
    match advisories {
        true => drop(check.arg("advisories")),
        false => println!("\nadvisories are not checked: `--advisories` fetches their list"),
    }
    steps.run("dependencies", &mut check)
}

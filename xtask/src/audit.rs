//! `cargo xtask audit`: what the dependencies' authors allow, and where they come from.

use std::process::Command;

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, root, target};

/// Pinned, so that the same sources give the same answer.
const VERSION: &str = "cargo-deny@0.20.2";

/// Builds cargo-deny where it is missing, and runs it by `deny.toml`.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = check(&mut steps);
    print!("\n{}", steps.table());
    outcome
}

fn check(steps: &mut Steps) -> Result<()> {
    let tools = target().join("tools");
    let deny = tools.join("bin/cargo-deny");
    if !deny.is_file() {
        let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install
            .args(["install", VERSION, "--locked", "--root"])
            .arg(&tools);
        // Out of the workspace, whose settings are not this tool's.
        install
            .current_dir(std::env::temp_dir())
            .env("CARGO_TARGET_DIR", tools.join("build"));
        steps.run("build cargo-deny", &mut install)?;
        // Some hundreds of megabytes that only building needs.
        std::fs::remove_dir_all(tools.join("build"))?;
    }
    println!(
        "\nadvisories are not checked: their database is fetched from outside (`cargo deny check advisories`)"
    );
    let checks = [
        "--workspace",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ];
    steps.run(
        "licences, bans, sources",
        Command::new(&deny).current_dir(root()).args(checks),
    )
}

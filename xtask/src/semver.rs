//! `cargo xtask semver --baseline REVISION`: changes since a release that break users, by cargo-semver-checks.

use crate::interrupt::Interrupt;
use crate::step::Steps;
use crate::{Result, root, tool};

/// Pinned, so that the same sources give the same answer.
const VERSION: &str = "cargo-semver-checks@0.51.0";

/// Builds cargo-semver-checks where it is missing, and compares all crates with those of `baseline`, such as `v0.1.0`.
pub(crate) fn run(baseline: &str) -> Result<()> {
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = tool::installed(&mut steps, VERSION, &[]).and_then(|program| {
        let mut check = std::process::Command::new(program);
        check.current_dir(root());
        // the root's default members are the published crates
        check.args([
            "semver-checks",
            "--default-features",
            "--baseline-rev",
            baseline,
        ]);
        steps.run("semantic versions", &mut check)
    });
    print!("\n{}", steps.table());
    outcome
}

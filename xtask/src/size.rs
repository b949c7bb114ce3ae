//! `cargo xtask size`: what a plan costs at a number of requests; the program is in `tests/size`.

use crate::{Result, cargo};

/// Runs it with these arguments; it prints its own errors.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let status = cargo()
        .args(["run", "--quiet", "--package", "hopline-size", "--"])
        .args(arguments)
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("size failed; its arguments are in `cargo xtask size --help`".into()),
    }
}

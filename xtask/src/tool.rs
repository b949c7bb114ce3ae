//! Commands of others that cargo builds: one place for them, in the target folder.

use std::path::PathBuf;
use std::process::Command;

use crate::step::Steps;
use crate::{Result, target};

/// The program of a crate, given as `name@version`; built where it is missing, with these options of `cargo install`.
pub(crate) fn installed(steps: &mut Steps, version: &str, options: &[&str]) -> Result<PathBuf> {
    let (name, _) = version.split_once('@').unwrap_or((version, ""));
    let tools = target().join("tools");
    let program = tools.join("bin").join(name);
    if !program.is_file() {
        let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install
            .args(["install", version, "--locked", "--root"])
            .arg(&tools)
            .args(options);
        // Out of the workspace, whose settings are not this tool's.
        install
            .current_dir(std::env::temp_dir())
            .env("CARGO_TARGET_DIR", tools.join("build"));
        steps.run(&format!("build {name}"), &mut install)?;
        // Some hundreds of megabytes that only building needs.
        std::fs::remove_dir_all(tools.join("build"))?;
    }
    Ok(program)
}

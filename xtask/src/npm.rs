//! Installs packages from npm into a folder below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::step::Steps;

/// Gives the modules that the file `wanted`, a `package.json`, names. Installs them into `folder` where that has not been
/// done yet.
pub(crate) fn modules(
    steps: &mut Steps,
    name: &str,
    wanted: &Path,
    folder: &Path,
) -> Result<PathBuf> {
    let (modules, installed) = (folder.join("node_modules"), folder.join("installed"));
    let contents = std::fs::read(wanted)?;
    if std::fs::read(&installed).is_ok_and(|installed| installed == contents) {
        return Ok(modules);
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("package.json"), &contents)?;
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
    ]);
    steps.run(name, npm.current_dir(folder))?;
    // written last, so that an interrupted installation starts again
    std::fs::write(&installed, &contents)?;
    Ok(modules)
}

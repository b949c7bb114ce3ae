//! Installs packages from PyPI into a virtual environment below `target`.
//! The commands that compare with programs of Python packages call it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::Steps;
use crate::{Result, apt, target};

/// A virtual environment with these packages, and nothing that they depend on if `alone`. Gives its interpreter.
///
/// Installs them into `target/tools/NAME` where that has not been done yet. Packages are named with their versions, so that
/// the same sources give the same answer.
pub(crate) fn environment(
    steps: &mut Steps,
    name: &str,
    packages: &[&str],
    alone: bool,
) -> Result<PathBuf> {
    let folder = target().join("tools").join(name);
    let python = folder.join("bin/python");
    // written last, so that an interrupted installation starts again
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&installed).ok().as_deref() == Some(&wanted) {
        return Ok(python);
    }
    if !has_venv() {
        apt::install(&["python3-venv"], "install Python with venv")?;
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    steps.run(&format!("{name}: virtual environment"), &mut make)?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    if alone {
        pip.arg("--no-deps");
    }
    steps.run(&format!("{name}: packages"), pip.args(packages))?;
    std::fs::write(&installed, wanted)?;
    Ok(python)
}

/// True if Python can make virtual environments: Debian has the parts for that in a package apart from Python.
fn has_venv() -> bool {
    let mut parts = Command::new("python3");
    parts.args(["-c", "import ensurepip, venv"]);
    parts.output().is_ok_and(|output| output.status.success())
}

/// The package of the collector rotel.
pub(crate) const ROTEL: &str = "rotel==0.0.1a15";

/// Rotel's program, which is inside its Python package. Installs the library of Python that it is linked with.
pub(crate) fn rotel(python: &Path) -> Result<PathBuf> {
    let agent = "import pathlib, rotel; print(pathlib.Path(rotel.__file__).parent / 'rotel-agent')";
    let path = PathBuf::from(answer(python, agent)?);
    if !path.is_file() {
        return Err("the Python package rotel holds no program of that name".into());
    }
    let starts = Command::new(&path).arg("--version").output()?;
    if !starts.status.success() {
        let version = answer(python, "import sys; print('%d.%d' % sys.version_info[:2])")?;
        apt::install(&[&format!("libpython{version}")], "start rotel")?;
    }
    Ok(path)
}

/// The output of Python.
fn answer(python: &Path, code: &str) -> Result<String> {
    let output = Command::new(python).args(["-c", code]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

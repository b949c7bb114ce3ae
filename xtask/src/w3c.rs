//! `cargo xtask w3c`: `examples/w3c-service` under the public Trace Context test suite.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::server::{Server, free_port, prepare};
use crate::step::Steps;
use crate::{Result, apt, cargo, target};

/// All that the suite needs beside Python. Pinned, so that the same sources give the same answer.
const AIOHTTP: &str = "aiohttp==3.14.5";

/// Runs the suite in a checkout of `w3c/trace-context`, at its highest level and strictness.
pub(crate) fn run(checkout: &Path) -> Result<()> {
    let suite = suite(checkout)?;
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = drive(&mut steps, &suite);
    print!("\n{}", steps.table());
    outcome
}

/// The folder of `test.py`: the checkout's `test`, or that folder itself.
fn suite(checkout: &Path) -> Result<PathBuf> {
    let folders = [checkout.join("test"), checkout.to_path_buf()];
    let found = folders
        .iter()
        .find(|folder| folder.join("test.py").is_file());
    let folder = found.ok_or_else(|| {
        format!(
            "no test.py in {}; --suite takes a checkout of w3c/trace-context",
            checkout.display()
        )
    })?;
    Ok(std::path::absolute(folder)?)
}

fn drive(steps: &mut Steps, suite: &Path) -> Result<()> {
    let python = steps.time("python", |_| python())?;
    let mut build = cargo();
    build.args(["build", "--package", "w3c-service"]);
    steps.run("build", &mut build)?;
    // Held to the end: dropping it stops the service, also after an error.
    let (_service, url) = steps.time("service", service)?;
    let mut test = Command::new(python);
    test.current_dir(suite)
        .arg("test.py")
        .arg(url)
        .env("SPEC_LEVEL", "2")
        .env("STRICT_LEVEL", "2")
        .env("HARNESS_HOST", "127.0.0.1")
        .env("HARNESS_PORT", free_port()?.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    steps.run("suite", &mut test)
}

/// A Python of our own with what the suite imports.
fn python() -> Result<PathBuf> {
    let folder = target().join("w3c/venv");
    let python = folder.join("bin/python");
    if !python.is_file() {
        let has_venv = |python: &str| {
            let mut import = Command::new(python);
            import.args(["-c", "import ensurepip, venv"]);
            import.output().is_ok_and(|output| output.status.success())
        };
        if !has_venv("python3") {
            let instead = "install Python 3 with its venv module";
            apt::install(&["python3", "python3-venv"], instead)?;
        }
        let mut make = Command::new("python3");
        prepare(make.args(["-m", "venv"]).arg(&folder), "python3 -m venv")?;
    }
    let mut install = Command::new(&python);
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        AIOHTTP,
    ];
    prepare(install.args(arguments), "pip install")?;
    Ok(python)
}

fn service(interrupt: &Interrupt) -> Result<(Server, String)> {
    let port = free_port()?;
    let name = format!("hopline-w3c-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&dir)?;
    let log = dir.join("log");
    let mut server = Server::new("w3c-service", dir);
    let mut program = Command::new(target().join("debug/w3c-service"));
    program.args(["--port", &port.to_string()]).process_group(0);
    let process = server.spawn(program, "TERM", &log)?;
    let ready = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    server.wait(process, Duration::from_secs(10), &log, interrupt, ready)?;
    Ok((server, format!("http://127.0.0.1:{port}/test")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_suite_is_named() {
        let error = suite(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("no test.py in /nowhere;"), "{error}");
    }
}

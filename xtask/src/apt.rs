//! Installs Debian packages where they are missing.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::account::is_root;

/// Debian starts a package's service when it installs it, unless a policy forbids it. There is one during the
/// installation only: the servers used here are private ones. `$@` are the packages.
const SCRIPT: &str = r#"
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
"#;

/// Installs `packages`, as root or through sudo.
///
/// `instead` is the remedy if that is not possible.
pub(crate) fn install(packages: &[&str], instead: &str) -> Result<()> {
    if packages.is_empty() {
        eprintln!("xtask: no package is missing");
        return Ok(());
    }
    let names = packages.join(" ");
    let shell = shell(&names, instead, is_root(), on_path)?;
    eprintln!(
        "xtask: installing with apt-get{}: {names}",
        if shell[0] == "sudo" {
            " through sudo"
        } else {
            ""
        }
    );
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args(["-c", SCRIPT, "sh"])
        .args(packages);
    // stdout belongs to the command's own answer (`export` lines).
    let status = command.stdout(io::stderr()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("apt-get failed ({status}) at: {names}").into())
    }
}

/// The command that runs the script with the rights it needs.
fn shell(
    names: &str,
    instead: &str,
    root: bool,
    has: impl Fn(&str) -> bool,
) -> Result<&'static [&'static str]> {
    if !has("apt-get") {
        return Err(format!(
            "missing (Debian's package names): {names}; there is no apt-get here, so {instead}"
        )
        .into());
    }
    if root {
        return Ok(&["sh"]);
    }
    if has("sudo") {
        return Ok(&["sudo", "sh"]);
    }
    Err(format!("missing: {names}; this is neither root nor is there sudo, so {instead}").into())
}

/// True if a program of this name is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    find_program(program).is_some()
}

/// The path of a program of this name: on PATH, or in a folder for system programs.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_apt_or_rights_the_packages_are_named() {
        let error = |root, programs: &[&str]| {
            shell("postgresql gcc", "do it", root, |program| {
                programs.contains(&program)
            })
            .unwrap_err()
            .to_string()
        };
        let no_apt =
            "missing (Debian's package names): postgresql gcc; there is no apt-get here, so do it";
        assert_eq!(error(true, &[]), no_apt);
        assert_eq!(error(false, &["sudo"]), no_apt);
        let no_rights = "missing: postgresql gcc; this is neither root nor is there sudo, so do it";
        assert_eq!(error(false, &["apt-get"]), no_rights);
    }

    #[test]
    fn sudo_is_used_by_accounts_other_than_root() {
        let shell = |root| shell("gcc", "do it", root, |_| true).unwrap();
        assert_eq!(shell(true), ["sh"]);
        assert_eq!(shell(false), ["sudo", "sh"]);
    }
}

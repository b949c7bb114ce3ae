//! The account that servers run as: neither Postgres nor RabbitMQ runs as root.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// An unprivileged account, or the caller's own where the caller is not root.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    /// The first of `names` that exists; without root, the caller.
    pub(crate) fn unprivileged(names: &[&str]) -> Result<Self> {
        if !is_root() {
            return Ok(Self { ids: None });
        }
        for name in names {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
                return Ok(Self {
                    ids: Some((uid, gid)),
                });
            }
        }
        Err(format!(
            "none of the accounts {} exists, and a server does not run as root",
            names.join(", ")
        )
        .into())
    }

    /// Makes a folder that this account alone may enter.
    pub(crate) fn make_dir(&self, path: &Path) -> Result<()> {
        // `create`, not `create_all`: an existing folder could belong to another account.
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        self.own(path)
    }

    /// Writes a file that belongs to this account.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<()> {
        std::fs::write(path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.own(path)
    }

    /// A command under this account, in `dir`, that sees none of the caller's settings (`PG…`, `RABBITMQ_…`).
    ///
    /// It gets a session of its own: a Ctrl-C at the terminal reaches xtask alone, which then stops it in order.
    pub(crate) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new("setsid");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [
            path,
            OsString::from("/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ]
        .join(&OsString::from(":"));
        command
            .arg(program)
            .current_dir(dir)
            .env_clear()
            .env("PATH", path)
            .env("HOME", dir)
            .env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn own(&self, path: &Path) -> Result<()> {
        match self.ids {
            Some((uid, gid)) => Ok(chown(path, Some(uid), Some(gid))?),
            None => Ok(()),
        }
    }
}

/// True if xtask runs as root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "--", name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

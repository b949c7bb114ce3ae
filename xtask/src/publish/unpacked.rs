//! The packages of all crates, unpacked side by side as a workspace that has nothing else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, root, target};

/// Unpacked packages. Where one of them depends on another, it gets the unpacked one.
#[derive(Debug)]
pub(crate) struct Unpacked {
    root: PathBuf,
    names: Vec<String>,
    version: String,
}

impl Unpacked {
    /// Unpacks these crates out of the folder in which cargo packaged them.
    pub(super) fn of(names: &[String], packaged: &Path) -> Result<Self> {
        let unpacked = Self {
            root: target().join("packages"),
            names: names.to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        match fs::remove_dir_all(&unpacked.root) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&unpacked.root)?,
        }
        for name in names {
            let archive = packaged.join(format!("{name}-{}.crate", unpacked.version));
            // The files of a package all have one old time, by which cargo would not see a change.
            let mut unpack = Command::new("tar");
            unpack
                .args(["--extract", "--gzip", "--touch", "--file"])
                .arg(&archive);
            let status = unpack.arg("--directory").arg(&unpacked.root).status()?;
            if !status.success() {
                return Err(format!("tar cannot unpack {}: {status}", archive.display()).into());
            }
        }
        // The same versions and profile as in this workspace, so that dependencies are built once for both.
        fs::copy(root().join("Cargo.lock"), unpacked.root.join("Cargo.lock"))?;
        let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
        let profiles = manifest
            .find("[profile.dev]")
            .map_or("", |at| &manifest[at..]);
        let workspace = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"*-{}\"]\n\n{}\n{profiles}",
            unpacked.version,
            unpacked.patch()
        );
        fs::write(unpacked.root.join("Cargo.toml"), workspace)?;
        Ok(unpacked)
    }

    /// The crates' names, each after those that it needs.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The folder of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one package.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}-{}", self.version))
    }

    /// Lines for the manifest of a workspace that depends on the packages.
    pub(crate) fn patch(&self) -> String {
        let lines = self.names.iter().map(|name| {
            let folder = self.folder(name);
            format!("{name} = {{ path = {folder:?} }}\n")
        });
        format!("[patch.crates-io]\n{}", lines.collect::<String>())
    }
}

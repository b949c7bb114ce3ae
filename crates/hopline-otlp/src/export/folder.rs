//! A folder that only this account can write to.
//!
//! The spool uses it. Files are found through the open folder and without following links, so another account cannot
//! make the exporter read or write elsewhere.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A folder that this account owns and no other can write to, held open.
///
/// Its files are found through the open folder and opened without following links or blocking, so a link, a pipe or a
/// folder that replaces it has no effect. (On systems other than Unix they are found by their paths.)
#[derive(Debug)]
pub(super) struct Folder {
    #[cfg(not(unix))]
    path: PathBuf,
    #[cfg(unix)]
    handle: std::os::fd::OwnedFd,
}

/// The purpose for which a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenMode {
    Read,
    /// To be written; it must not exist.
    New,
    /// To be locked; it may exist, and is not changed.
    Lock,
}

impl Folder {
    /// Opens the folder; a missing one is created with access for this account only.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a folder or is a link to one, if it belongs to another account, or if others can
    /// write to it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // without a trailing slash, with which the system would follow a link
        let path: PathBuf = path.components().collect();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Self::open_made(&path)
    }

    /// Opens a file to lock it.
    pub(super) fn lock_file(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OpenMode::Lock)
    }

    /// Creates a new file, with access for this account only.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OpenMode::New)
    }

    /// The content of a file of up to `most` bytes; an error if it has more.
    pub(super) fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let file = self.open_file(name, OpenMode::Read)?;
        let mut content = Vec::new();
        file.take(most.saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() as u64 > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too large"));
        }
        Ok(content)
    }

    fn open_file(&self, name: &str, opening: OpenMode) -> io::Result<File> {
        let file = self.open_unchecked(name, opening)?;
        if !self.is_own(&file.metadata()?) {
            return Err(io::Error::other(format!(
                "{name} is not a file of this account"
            )));
        }
        Ok(file)
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

    use super::{Folder, OpenMode};

    impl Folder {
        pub(super) fn open_made(path: &Path) -> io::Result<Self> {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = match rustix::fs::open(path, flags, Mode::empty()) {
                Ok(handle) => handle,
                Err(_) if path.is_symlink() => {
                    return Err(io::Error::other("it is a symbolic link"));
                }
                Err(error) => return Err(error.into()),
            };
            let folder = File::from(handle);
            let metadata = folder.metadata()?;
            if metadata.uid() != own_user() {
                let owner = metadata.uid();
                return Err(io::Error::other(format!(
                    "it belongs to another account, of number {owner}"
                )));
            }
            let mode = metadata.mode() & 0o7777;
            if mode & 0o022 != 0 {
                return Err(io::Error::other(format!(
                    "other accounts can write to it (its mode is {mode:04o})"
                )));
            }
            let handle = folder.into();
            Ok(Self { handle })
        }

        pub(super) fn open_unchecked(&self, name: &str, opening: OpenMode) -> io::Result<File> {
            let flags = match opening {
                OpenMode::Read => OFlags::RDONLY,
                OpenMode::New => OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
                OpenMode::Lock => OFlags::RDWR | OFlags::CREATE,
            };
            // without waiting: opening a pipe blocks until its other end is opened
            let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
            let mode = Mode::RUSR | Mode::WUSR;
            let file = rustix::fs::openat(&self.handle, name, flags | OFlags::CLOEXEC, mode)?;
            Ok(file.into())
        }

        pub(super) fn is_own(&self, metadata: &Metadata) -> bool {
            metadata.is_file() && metadata.uid() == own_user()
        }

        /// The size of a regular file of this account; `None` for other entries.
        pub(in super::super) fn size_of(&self, name: &str) -> io::Result<Option<u64>> {
            let stat = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let own = FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_uid == own_user();
            Ok(own.then(|| u64::try_from(stat.st_size).unwrap_or_default()))
        }

        /// The names in the folder that are UTF-8.
        pub(in super::super) fn names(
            &self,
        ) -> io::Result<impl Iterator<Item = io::Result<String>>> {
            let entries = Dir::read_from(&self.handle)?;
            let name = |entry: rustix::io::Result<rustix::fs::DirEntry>| match entry {
                Ok(entry) => entry
                    .file_name()
                    .to_str()
                    .ok()
                    .map(|name| Ok(name.to_owned())),
                Err(error) => Some(Err(error.into())),
            };
            Ok(entries.filter_map(name))
        }

        pub(in super::super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
        }

        pub(in super::super) fn remove(&self, name: &str) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
        }

        /// Syncs the folder, so that new names survive a crash.
        pub(in super::super) fn sync(&self) -> io::Result<()> {
            Ok(rustix::fs::fsync(&self.handle)?)
        }
    }

    fn own_user() -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use super::{Folder, OpenMode};

    impl Folder {
        pub(super) fn open_made(path: &Path) -> io::Result<Self> {
            let path = path.to_owned();
            Ok(Self { path })
        }

        pub(super) fn open_unchecked(&self, name: &str, opening: OpenMode) -> io::Result<File> {
            let path = self.path.join(name);
            let mut options = OpenOptions::new();
            match opening {
                OpenMode::Read => options.read(true),
                OpenMode::New => options.write(true).create_new(true),
                OpenMode::Lock => options.read(true).write(true).create(true).truncate(false),
            };
            options.open(path)
        }

        pub(super) fn is_own(&self, metadata: &Metadata) -> bool {
            metadata.is_file()
        }

        pub(in super::super) fn size_of(&self, name: &str) -> io::Result<Option<u64>> {
            let metadata = fs::symlink_metadata(self.path.join(name))?;
            Ok(metadata.is_file().then_some(metadata.len()))
        }

        pub(in super::super) fn names(
            &self,
        ) -> io::Result<impl Iterator<Item = io::Result<String>>> {
            let entries = fs::read_dir(&self.path)?;
            let name = |entry: io::Result<fs::DirEntry>| match entry {
                Ok(entry) => entry.file_name().into_string().ok().map(Ok),
                Err(error) => Some(Err(error)),
            };
            Ok(entries.filter_map(name))
        }

        pub(in super::super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            fs::rename(self.path.join(from), self.path.join(to))
        }

        pub(in super::super) fn remove(&self, name: &str) -> io::Result<()> {
            fs::remove_file(self.path.join(name))
        }

        /// Does nothing: these systems cannot open folders.
        pub(in super::super) fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
}

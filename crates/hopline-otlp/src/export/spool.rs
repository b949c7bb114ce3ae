//! Requests kept on disk while the collector takes none.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs4::{FileExt, TryLockError};

use super::gzip;
use super::problem::{ConfigError, Problem};

/// Where requests are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpoolSettings {
    folder: PathBuf,
    max_bytes: u64,
}

pub(crate) const DEFAULT_BYTES: u64 = 256 << 20;

impl SpoolSettings {
    pub(crate) fn new(folder: impl Into<PathBuf>, max_bytes: u64) -> Self {
        Self {
            folder: folder.into(),
            max_bytes,
        }
    }
}

/// A folder of requests, each a gzip file whose name tells its age and its number of spans.
///
/// Crash-safe: a file is written beside, synced, and then given its name; gzip's checksum tells one that
/// was damaged. Cells and no lock, since the export thread alone uses it.
#[derive(Debug)]
pub(super) struct Spool {
    settings: SpoolSettings,
    stored: RefCell<VecDeque<Stored>>,
    bytes: Cell<u64>,
    number: Cell<u64>,
    /// Locked as long as this process uses the folder; the system unlocks it also after a crash.
    _lock: File,
}

/// One request on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    name: String,
    bytes: u64,
    pub(super) spans: u64,
}

/// How many damaged files stay, for whoever wants to know.
const MAX_CORRUPT: usize = 8;

impl Spool {
    /// Opens the folder, making it where it is missing; tells how many spans are in it that can be sent.
    pub(super) fn open(settings: &SpoolSettings, ending: &str) -> Result<(Self, u64), ConfigError> {
        let opened = Self::try_open(settings).map_err(|error| Problem::Spool {
            path: settings.folder.display().to_string(),
            error,
        })?;
        let stored = opened.stored.borrow();
        let own = stored.iter().filter(|stored| stored.has_ending(ending));
        let found = own.map(|stored| stored.spans).sum();
        drop(stored);
        Ok((opened, found))
    }

    fn try_open(settings: &SpoolSettings) -> io::Result<Self> {
        let folder = &settings.folder;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        let lock = private(folder.join("lock"))?;
        match FileExt::try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another exporter uses it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut stored = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            } else if let Some(spans) = spans_of(&name) {
                let bytes = entry.metadata()?.len();
                stored.push(Stored { name, bytes, spans });
            }
        }
        // names begin with the time at which they were written
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        let bytes = stored.iter().map(|stored| stored.bytes).sum();
        Ok(Self {
            settings: settings.clone(),
            stored: RefCell::new(stored.into()),
            bytes: Cell::new(bytes),
            number: Cell::new(0),
            _lock: lock,
        })
    }

    /// Writes a request. It is on disk once this returns.
    pub(super) fn put(&self, body: &[u8], spans: usize, ending: &str) -> io::Result<()> {
        let packed = gzip::packed(body)?;
        let bytes = packed.len() as u64;
        if self.bytes.get() + bytes > self.settings.max_bytes {
            let why = format!("the spool is full ({} bytes)", self.settings.max_bytes);
            return Err(io::Error::other(why));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = now.unwrap_or_default().as_nanos();
        let number = self.number.replace(self.number.get() + 1);
        let name = format!("{nanos:020}-{number:06}-{spans}.{ending}{PACKED}");
        let unfinished = self.path(&format!("{name}{UNFINISHED}"));
        let written = write_synced(&unfinished, &packed)
            .and_then(|()| fs::rename(&unfinished, self.path(&name)))
            .and_then(|()| sync_folder(&self.settings.folder));
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.bytes.set(self.bytes.get() + bytes);
        self.stored.borrow_mut().push_back(Stored {
            name,
            bytes,
            spans: spans as u64,
        });
        Ok(())
    }

    /// The oldest request of this ending.
    pub(super) fn oldest(&self, ending: &str) -> Option<Stored> {
        let stored = self.stored.borrow();
        stored
            .iter()
            .find(|stored| stored.has_ending(ending))
            .cloned()
    }

    /// The body of a request, of at most so many bytes.
    pub(super) fn read(&self, stored: &Stored, most: usize) -> io::Result<Vec<u8>> {
        let packed = fs::read(self.path(&stored.name))?;
        gzip::unpacked(&packed, most)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too large"))
    }

    /// Forgets a request whose fate is settled.
    pub(super) fn remove(&self, stored: &Stored) {
        // gone already, or to be found and sent again after a restart: neither may stop the rest
        let _ = fs::remove_file(self.path(&stored.name));
        self.forget(stored);
    }

    /// Gives a damaged file another name, so that it is not tried again.
    pub(super) fn set_aside(&self, stored: &Stored) {
        let path = self.path(&stored.name);
        if fs::rename(&path, self.path(&format!("{}{CORRUPT}", stored.name))).is_err() {
            let _ = fs::remove_file(path);
        }
        self.forget(stored);
        let names = fs::read_dir(&self.settings.folder).into_iter().flatten();
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut corrupt: Vec<String> = names.filter(|name| name.ends_with(CORRUPT)).collect();
        corrupt.sort();
        for name in corrupt.iter().rev().skip(MAX_CORRUPT) {
            let _ = fs::remove_file(self.path(name));
        }
    }

    fn forget(&self, stored: &Stored) {
        let mut all = self.stored.borrow_mut();
        if let Some(at) = all.iter().position(|other| other.name == stored.name) {
            all.remove(at);
            self.bytes.set(self.bytes.get() - stored.bytes);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.settings.folder.join(name)
    }
}

impl Stored {
    fn has_ending(&self, ending: &str) -> bool {
        let name = self.name.strip_suffix(PACKED);
        name.and_then(|name| name.strip_suffix(ending))
            .is_some_and(|name| name.ends_with('.'))
    }
}

const PACKED: &str = ".gz";
const UNFINISHED: &str = ".tmp";
const CORRUPT: &str = ".corrupt";

/// The number of spans in `time-number-spans.ending.gz`.
fn spans_of(name: &str) -> Option<u64> {
    let (stem, _ending) = name.strip_suffix(PACKED)?.split_once('.')?;
    let mut parts = stem.splitn(3, '-');
    let (time, number) = (parts.next()?, parts.next()?);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(time) && digits(number)).then_some(())?;
    parts.next()?.parse().ok()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private(path.to_owned())?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A file for this account alone: spans may tell more than their service wants others to read.
fn private(path: PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a new name last, where the system lets a folder be opened.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_read() {
        assert_eq!(spans_of("00000001764069895000-000001-512.pb.gz"), Some(512));
        for name in [
            "lock",
            "1-2-3.pb",
            "1-2.pb.gz",
            "a-2-3.pb.gz",
            "1-2-x.pb.gz",
            "1-2-3.pb.gz.corrupt",
        ] {
            assert_eq!(spans_of(name), None, "{name}");
        }
    }
}

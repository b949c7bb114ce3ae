//! Requests kept on disk while the collector takes none.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use fs4::{FileExt, TryLockError};
use hopline_core::notify;

use super::folder::Folder;
use super::gzip;
use super::problem::{ConfigError, Problem};
use super::size::MAX_REQUEST;

/// The folder in which requests are kept, and how much of them.
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
/// Crash-safe: a file is written beside, synced, and then given its name; gzip's checksum detects damage.
/// Whatever else is in the folder is left alone. Cells and no lock, since the export thread alone uses it.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Folder,
    max_bytes: u64,
    stored: RefCell<VecDeque<Stored>>,
    corrupt: RefCell<VecDeque<String>>,
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

/// The number of damaged files that are kept for inspection.
const MAX_CORRUPT: usize = 8;

/// The number of requests that are kept, which bounds the memory of their list.
const MAX_FILES: usize = 65_536;

/// The largest file that can hold a request, as gzip makes what it cannot pack a little larger.
const MAX_FILE: u64 = (MAX_REQUEST + (MAX_REQUEST >> 6)) as u64;

/// More spans than fit into a request; a name that tells more is not of this exporter.
const MAX_SPANS: u64 = (MAX_REQUEST / 16) as u64;

impl Spool {
    /// Opens the folder, making it where it is missing; returns how many spans are in it that can be sent, too.
    pub(super) fn open(settings: &SpoolSettings, ending: &str) -> Result<(Self, u64), ConfigError> {
        let opened = Self::try_open(settings).map_err(|error| Problem::Spool {
            path: settings.folder.display().to_string(),
            error,
        })?;
        let (mut own, mut others) = (0_u64, 0_u64);
        for stored in opened.stored.borrow().iter() {
            let sum = match stored.has_ending(ending) {
                true => &mut own,
                false => &mut others,
            };
            *sum = sum.saturating_add(stored.spans);
        }
        if others > 0 {
            notify("otlp-spool-other", || {
                format!(
                    "{others} spans in the spool {} were written for another protocol and stay there: start an exporter \
                     of that protocol to send them",
                    settings.folder.display()
                )
            });
        }
        Ok((opened, own))
    }

    fn try_open(settings: &SpoolSettings) -> io::Result<Self> {
        let folder = Folder::open(&settings.folder)?;
        let lock = folder.lock_file("lock")?;
        match FileExt::try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another exporter uses it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut stored = Vec::new();
        let mut corrupt = Vec::new();
        let mut passed_over = 0_u64;
        for name in folder.names()? {
            let name = name?;
            if let Some(spans) = spans_of(&name) {
                match folder.size_of(&name) {
                    Ok(Some(bytes)) if bytes <= MAX_FILE && stored.len() < MAX_FILES => {
                        stored.push(Stored { name, bytes, spans });
                    }
                    _ => passed_over += 1,
                }
            } else if let Some(stem) = name.strip_suffix(UNFINISHED)
                && spans_of(stem).is_some()
            {
                // of a process that was killed; its own, or it could not be removed
                folder.remove(&name)?;
            } else if name.ends_with(CORRUPT) {
                corrupt.push(name);
            }
        }
        if passed_over > 0 {
            notify("otlp-spool-entries", || {
                format!(
                    "{passed_over} entries of the spool {} are no files of this account, too large or too many, and stay \
                     there: remove them",
                    settings.folder.display()
                )
            });
        }
        // names begin with the time at which they were written
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        corrupt.sort();
        let sizes = stored.iter().map(|stored| stored.bytes);
        let bytes = sizes.fold(0, u64::saturating_add);
        Ok(Self {
            folder,
            max_bytes: settings.max_bytes,
            stored: RefCell::new(stored.into()),
            corrupt: RefCell::new(corrupt.into()),
            bytes: Cell::new(bytes),
            number: Cell::new(0),
            _lock: lock,
        })
    }

    /// Writes a request. It is on disk once this returns.
    pub(super) fn put(&self, body: &[u8], spans: usize, ending: &str) -> io::Result<()> {
        let packed = gzip::packed(body)?;
        let most = self.max_bytes;
        if self.bytes.get().saturating_add(packed.len() as u64) > most {
            return Err(io::Error::other(format!(
                "the spool is full ({most} bytes)"
            )));
        }
        if self.stored.borrow().len() >= MAX_FILES {
            return Err(io::Error::other(format!(
                "the spool is full ({MAX_FILES} files)"
            )));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let time = format!("{:020}", now.unwrap_or_default().as_nanos());
        let stored = self.write(&time, &packed, spans as u64, ending)?;
        self.stored.borrow_mut().push_back(stored);
        Ok(())
    }

    /// Puts two requests in the place of one. A crash within leaves spans of both.
    pub(super) fn replace(
        &self,
        stored: &Stored,
        halves: [(Vec<u8>, u64); 2],
        ending: &str,
    ) -> io::Result<()> {
        let time = stored.name.split('-').next().unwrap_or_default();
        let mut written = Vec::new();
        for (body, spans) in &halves {
            let half =
                gzip::packed(body).and_then(|packed| self.write(time, &packed, *spans, ending));
            match half {
                Ok(half) => written.push(half),
                Err(error) => {
                    written.iter().for_each(|half| self.remove(half));
                    return Err(error);
                }
            }
        }
        let mut all = self.stored.borrow_mut();
        let at = all.iter().position(|other| other.name == stored.name);
        for half in written.into_iter().rev() {
            all.insert(at.unwrap_or_default(), half);
        }
        drop(all);
        self.remove(stored);
        Ok(())
    }

    /// Writes a file, which counts from now on.
    fn write(&self, time: &str, packed: &[u8], spans: u64, ending: &str) -> io::Result<Stored> {
        let number = self.number.replace(self.number.get().wrapping_add(1));
        let name = format!("{time}-{number:06}-{spans}.{ending}{PACKED}");
        let unfinished = format!("{name}{UNFINISHED}");
        let written = self
            .folder
            .create(&unfinished)
            .and_then(|mut file| {
                file.write_all(packed)?;
                file.sync_all()
            })
            .and_then(|()| self.folder.rename(&unfinished, &name))
            .and_then(|()| self.folder.sync());
        if let Err(error) = written {
            let _ = self.folder.remove(&unfinished);
            return Err(error);
        }
        let bytes = packed.len() as u64;
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        Ok(Stored { name, bytes, spans })
    }

    /// The oldest request of this ending.
    pub(super) fn oldest(&self, ending: &str) -> Option<Stored> {
        let stored = self.stored.borrow();
        stored
            .iter()
            .find(|stored| stored.has_ending(ending))
            .cloned()
    }

    /// The body of a request.
    pub(super) fn read(&self, stored: &Stored) -> io::Result<Vec<u8>> {
        let packed = self.folder.read(&stored.name, MAX_FILE)?;
        gzip::unpacked(&packed, MAX_REQUEST)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too large"))
    }

    /// Forgets a request whose fate is settled.
    pub(super) fn remove(&self, stored: &Stored) {
        // gone already, or to be found and sent again after a restart: neither may stop the rest
        let _ = self.folder.remove(&stored.name);
        self.forget(stored);
    }

    /// Gives a damaged file another name, so that it is not tried again.
    pub(super) fn set_aside(&self, stored: &Stored) {
        self.forget(stored);
        let aside = format!("{}{CORRUPT}", stored.name);
        if self.folder.rename(&stored.name, &aside).is_err() {
            let _ = self.folder.remove(&stored.name);
            return;
        }
        let mut corrupt = self.corrupt.borrow_mut();
        corrupt.push_back(aside);
        while corrupt.len() > MAX_CORRUPT
            && let Some(oldest) = corrupt.pop_front()
        {
            let _ = self.folder.remove(&oldest);
        }
    }

    fn forget(&self, stored: &Stored) {
        let mut all = self.stored.borrow_mut();
        if let Some(at) = all.iter().position(|other| other.name == stored.name) {
            all.remove(at);
        }
        self.bytes
            .set(self.bytes.get().saturating_sub(stored.bytes));
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
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (time, number, spans) = (parts.next()?, parts.next()?, parts.next()?);
    [time, number, spans]
        .into_iter()
        .all(digits)
        .then_some(())?;
    spans.parse().ok().filter(|spans| *spans <= MAX_SPANS)
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
            "1-2-+3.pb.gz",
            "--3.pb.gz",
            "1-2-99999999.pb.gz",
            "1-2-18446744073709551615.pb.gz",
            "1-2-99999999999999999999.pb.gz",
            "1-2-3.pb.gz.corrupt",
        ] {
            assert_eq!(spans_of(name), None, "{name}");
        }
    }
}

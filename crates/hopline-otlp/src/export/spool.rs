//! The spool: requests on disk while the collector is away.
//!
//! Opened by the exporter, used by the export thread alone. One file is one request:
//!
//! ```text
//! 00000001764069895000000000-000001-512.pb.gz     time in ns, number, spans, encoding
//! ….gz.tmp       being written: removed at the next start
//! ….gz.corrupt   unreadable: the last 8 are kept
//! lock           locked by the process that uses the folder
//! ```

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

/// The folder of a spool, and its capacity in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpoolSettings {
    folder: PathBuf,
    max_bytes: u64,
}

/// The capacity if `HOPLINE_SPOOL_BYTES` is unset: 256 MiB.
pub(crate) const DEFAULT_BYTES: u64 = 256 << 20;

impl SpoolSettings {
    /// A spool in this folder, of up to `max_bytes`.
    pub(crate) fn new(folder: impl Into<PathBuf>, max_bytes: u64) -> Self {
        Self {
            folder: folder.into(),
            max_bytes,
        }
    }
}

/// A folder of requests, each a gzip file whose name holds its time and its number of spans.
///
/// Crash-safe: a file is written under a temporary name, synced, and renamed; gzip's checksum detects damage. Other files
/// in the folder are not touched. Cells and no lock, since the export thread alone uses it.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Folder,
    max_bytes: u64,
    stored: RefCell<VecDeque<SpooledRequest>>,
    corrupt: RefCell<VecDeque<String>>,
    bytes: Cell<u64>,
    number: Cell<u64>,
    /// Locked while this process uses the folder; the system unlocks it after a crash too.
    _lock: File,
}

/// One request on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpooledRequest {
    name: String,
    bytes: u64,
    pub(super) spans: u64,
}

/// The number of unreadable files that are kept for inspection.
const MAX_CORRUPT: usize = 8;

/// The number of requests that are kept, which bounds the memory of their list.
const MAX_FILES: usize = 65_536;

/// The largest file that can hold a request: gzip makes incompressible data a little larger.
const MAX_FILE: u64 = (MAX_REQUEST + (MAX_REQUEST >> 6)) as u64;

/// More spans than fit into a request; a file whose name has more was not written by this exporter.
const MAX_SPANS: u64 = (MAX_REQUEST / 16) as u64;

impl Spool {
    /// Opens the folder, or creates it. Returns the spool and the number of spans in it that this encoding can send.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be opened, is not this account's own, or is in use by another exporter.
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
                    "{others} spans in the spool {} are in another protocol's encoding and are not sent: start an exporter \
                     of that protocol to send them",
                    settings.folder.display()
                )
            });
        }
        Ok((opened, own))
    }

    /// Locks the folder and lists the requests in it.
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
        let mut ignored = 0_u64;
        for name in folder.names()? {
            let name = name?;
            if let Some(spans) = spans_of(&name) {
                match folder.size_of(&name) {
                    Ok(Some(bytes)) if bytes <= MAX_FILE && stored.len() < MAX_FILES => {
                        stored.push(SpooledRequest { name, bytes, spans });
                    }
                    _ => ignored += 1,
                }
            } else if let Some(stem) = name.strip_suffix(UNFINISHED)
                && spans_of(stem).is_some()
            {
                // left by a process that was killed; if it cannot be removed, the folder is unusable
                folder.remove(&name)?;
            } else if name.ends_with(CORRUPT) {
                corrupt.push(name);
            }
        }
        if ignored > 0 {
            notify("otlp-spool-entries", || {
                format!(
                    "{ignored} entries of the spool {} are not files of this account, too large or too many, and are \
                     ignored: remove them",
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

    /// Stores a request of `spans`; it is synced to disk when this returns.
    ///
    /// # Errors
    ///
    /// Returns an error if the spool is full or the disk fails.
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

    /// Replaces a request by two. After a crash in between, some of its spans are stored twice.
    ///
    /// # Errors
    ///
    /// Returns an error if a half cannot be written; the request is unchanged then.
    pub(super) fn replace(
        &self,
        stored: &SpooledRequest,
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

    /// Writes a file under a temporary name, syncs it, renames it, and adds its size.
    fn write(
        &self,
        time: &str,
        packed: &[u8],
        spans: u64,
        ending: &str,
    ) -> io::Result<SpooledRequest> {
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
        Ok(SpooledRequest { name, bytes, spans })
    }

    /// The oldest request with this extension.
    pub(super) fn oldest(&self, ending: &str) -> Option<SpooledRequest> {
        let stored = self.stored.borrow();
        stored
            .iter()
            .find(|stored| stored.has_ending(ending))
            .cloned()
    }

    /// The body of a request, uncompressed.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is missing, damaged or larger than a request can be.
    pub(super) fn read(&self, stored: &SpooledRequest) -> io::Result<Vec<u8>> {
        let packed = self.folder.read(&stored.name, MAX_FILE)?;
        gzip::unpacked(&packed, MAX_REQUEST)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too large"))
    }

    /// Deletes a request with a final result.
    pub(super) fn remove(&self, stored: &SpooledRequest) {
        // a failure means that it is gone already, or that the next process sends it again
        let _ = self.folder.remove(&stored.name);
        self.forget(stored);
    }

    /// Renames an unreadable file to `….corrupt`, so that it is not sent again.
    pub(super) fn set_aside(&self, stored: &SpooledRequest) {
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

    /// Removes a request from the list, and its size.
    fn forget(&self, stored: &SpooledRequest) {
        let mut all = self.stored.borrow_mut();
        if let Some(at) = all.iter().position(|other| other.name == stored.name) {
            all.remove(at);
        }
        self.bytes
            .set(self.bytes.get().saturating_sub(stored.bytes));
    }
}

impl SpooledRequest {
    fn has_ending(&self, ending: &str) -> bool {
        let name = self.name.strip_suffix(PACKED);
        name.and_then(|name| name.strip_suffix(ending))
            .is_some_and(|name| name.ends_with('.'))
    }
}

const PACKED: &str = ".gz";
const UNFINISHED: &str = ".tmp";
const CORRUPT: &str = ".corrupt";

/// The number of spans in a name `time-number-spans.extension.gz`; `None` for other names.
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
    fn names_of_other_files_are_ignored() {
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

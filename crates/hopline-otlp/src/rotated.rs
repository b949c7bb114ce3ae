//! A file that is rotated by size.
//!
//! The file sink writes its lines through it, one line for each `write`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A writer that puts each `write` completely into one file, and starts a new file before the limit is exceeded.
///
/// ```text
/// spans.jsonl   current
/// spans.jsonl.1 the one before it
/// spans.jsonl.2 older; up to `older` of these are kept
/// ```
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The path of the current file.
    path: PathBuf,
    /// The size that a file does not exceed, unless a single write does.
    max_bytes: u64,
    /// The number of older files that are kept.
    older: usize,
    /// `None` after a new file could not be created; the next write tries again.
    file: Option<File>,
    /// The size of the current file.
    written: u64,
}

impl Rotated {
    /// Opens the current file to append, or creates it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or written.
    pub(crate) fn open(path: &Path, max_bytes: u64, older: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        let mut written = file.metadata()?.len();
        // a killed process may have left an unfinished line
        if written > 0 && last_byte(&mut file)? != b'\n' {
            file.write_all(b"\n")?;
            written += 1;
        }
        Ok(Self {
            path: path.to_owned(),
            max_bytes,
            older,
            file: Some(file),
            written,
        })
    }

    /// The file with room for this many bytes: the current one, or a new one after a rotation.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be renamed or created; the next write tries again.
    fn room_for(&mut self, bytes: u64) -> io::Result<&mut File> {
        if self.file.is_some() && self.written > 0 && self.written + bytes > self.max_bytes {
            // closed first: some systems cannot rename an open file
            self.file = None;
            self.shift()?;
        }
        if self.file.is_none() {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)?;
            self.written = file.metadata()?.len();
            self.file = Some(file);
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Renames each file to the next older name; the oldest is replaced.
    ///
    /// Without older files the current one is removed. A missing file is skipped: an operator may remove any of them.
    fn shift(&self) -> io::Result<()> {
        if self.older == 0 {
            return fs::remove_file(&self.path);
        }
        for age in (1..self.older).rev() {
            match fs::rename(self.name(age), self.name(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.name(1))
    }

    /// The name of the file of this age: `path.1` is the one before the current.
    ///
    /// The number follows the extension, as logrotate names files.
    fn name(&self, age: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{age}"));
        name.into()
    }
}

/// Each call of `write` writes all bytes, so that a line is never divided between files.
impl Write for Rotated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len() as u64;
        self.room_for(len)?.write_all(bytes)?;
        self.written += len;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// The last byte of a file that is not empty.
///
/// It moves the position, which has no effect on the next write: the file is opened to append.
fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

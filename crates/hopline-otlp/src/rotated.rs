//! A file that gives way to a new one when it is full.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A writer whose every `write` ends up whole in one file.
#[derive(Debug)]
pub(crate) struct Rotated {
    path: PathBuf,
    max_bytes: u64,
    older: usize,
    /// None after a new one could not be made; the next write tries again.
    file: Option<File>,
    written: u64,
}

impl Rotated {
    pub(crate) fn open(path: &Path, max_bytes: u64, older: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        let mut written = file.metadata()?.len();
        // a process that was killed may have left half a line
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

    fn room_for(&mut self, bytes: u64) -> io::Result<&mut File> {
        if self.file.is_some() && self.written > 0 && self.written + bytes > self.max_bytes {
            // closed first: some systems rename no open file
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

    /// Renames every file to the next older name; the oldest goes.
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

    fn name(&self, age: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{age}"));
        name.into()
    }
}

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

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

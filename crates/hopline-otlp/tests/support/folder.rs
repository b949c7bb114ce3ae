//! A folder of a test's own.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is not there yet, and is removed again.
pub(crate) struct TempFolder(pub(crate) PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopline-spool-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The files with this ending, in the order of their names.
    pub(crate) fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let has_ending = |path: &PathBuf| path.to_str().unwrap().ends_with(ending);
        let mut paths: Vec<PathBuf> = paths.filter(has_ending).collect();
        paths.sort();
        paths
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! Temporary folders.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The path of a folder that does not exist yet. Dropping it removes the folder.
#[derive(Debug)]
pub struct TempFolder(pub PathBuf);

#[expect(clippy::new_without_default, reason = "each is another one")]
impl TempFolder {
    /// A path that no other test has.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopline-spool-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The files with this ending, in the order of their names.
    ///
    /// # Panics
    ///
    /// If the folder cannot be read.
    pub fn files(&self, ending: &str) -> Vec<PathBuf> {
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

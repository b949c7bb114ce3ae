//! The resources of a process: memory, threads, sockets.

use std::fs;

use crate::Result;

/// Memory, threads and sockets of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) kilobytes: u64,
    pub(crate) threads: u64,
    pub(crate) sockets: u64,
}

impl Sample {
    pub(crate) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| -> Result<u64> {
            let line = status.lines().find(|line| line.starts_with(name));
            let word = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(word.ok_or("the status has changed")?.parse()?)
        };
        let mut sockets = 0;
        for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
            // one that was closed meanwhile cannot be read
            let target = fs::read_link(entry?.path()).unwrap_or_default();
            sockets += u64::from(target.to_string_lossy().starts_with("socket:"));
        }
        Ok(Self {
            kilobytes: number("VmRSS:")?,
            threads: number("Threads:")?,
            sockets,
        })
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

//! Memory that the process holds.

use crate::Result;

/// Resident bytes of this process now, counted by the kernel page by page.
///
/// # Errors
///
/// Returns an error on systems other than Linux.
pub fn bytes() -> Result<u64> {
    // `statm` would be cheaper, but lags behind by up to some hundred pages
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kilobytes = kilobytes.ok_or("smaps_rollup has no Rss")?;
    Ok(kilobytes << 10)
}

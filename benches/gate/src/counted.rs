//! Allocations, as the program with the counting allocator prints them.

use std::path::Path;
use std::process::Command;

use crate::Result;

/// The allocations of a case on its thread, over all operations of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocations {
    /// The number of allocations; one that grows counts again.
    pub count: u64,
    /// Bytes of them all.
    pub bytes: u64,
    /// Most bytes at one time, beyond what was there before.
    pub peak: u64,
}

/// Of each case, in order.
///
/// # Errors
///
/// If the program fails.
pub fn allocations(program: &Path) -> Result<Vec<Allocations>> {
    let output = Command::new(program).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}\n{stderr}", program.display(), output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Result<Allocations> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [count, bytes, peak] = numbers[..] else {
        return Err(format!("three numbers, not `{line}`").into());
    };
    Ok(Allocations { count, bytes, peak })
}

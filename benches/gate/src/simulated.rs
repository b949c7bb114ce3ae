//! Instructions, counted by valgrind's callgrind.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use hopline_core::Clock;

use crate::{Case, Result, Work};

/// The argument by which a program runs all cases for the simulator.
pub const ARGUMENT: &str = "--simulated";

/// The function whose calls callgrind counts one by one, by its name in the program.
const COUNTED: &str = "hopline_gate::simulated::counted";

/// Runs every case often enough to be warm, then so often as it says, then twice as often: what the two differ by is
/// the operations alone.
pub fn run(cases: &[Case], clock: &Clock) {
    for case in cases {
        let mut work = case.make(clock);
        let times = case.operations();
        work.run(2 * times);
        counted(&mut work, times);
        counted(&mut work, 2 * times);
    }
}

/// Instructions of one operation of each case, as `program` runs them with [`ARGUMENT`].
///
/// # Errors
///
/// If valgrind does not run, or counts other calls than there are cases.
pub fn instructions(program: &Path, cases: &[Case]) -> Result<Vec<f64>> {
    let folder = Folder::make()?;
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--zero-before={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.0.join("calls").display()
        ))
        .arg(program)
        .arg(ARGUMENT)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("valgrind: {}\n{said}", output.status).into());
    }
    let counts: Vec<u64> = (1..=2 * cases.len())
        .map(|call| total(&folder.0.join(format!("calls.{call}"))))
        .collect::<Result<_>>()?;
    let of_one = |(case, pair): (&Case, &[u64])| {
        let more = pair[1].saturating_sub(pair[0]);
        more as f64 / case.operations() as f64
    };
    Ok(cases
        .iter()
        .zip(counts.chunks_exact(2))
        .map(of_one)
        .collect())
}

/// The sum that callgrind wrote about one call.
fn total(file: &Path) -> Result<u64> {
    let text = std::fs::read(file).map_err(|error| {
        format!(
            "callgrind counted no call of {COUNTED} ({}: {error})",
            file.display()
        )
    })?;
    let text = String::from_utf8_lossy(&text);
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
    total.ok_or_else(|| format!("{} has no sum", file.display()).into())
}

// not inlined, and not left by a jump: callgrind knows it by its calls and returns
#[inline(never)]
fn counted(work: &mut Work, times: u64) {
    work.run(black_box(times));
    black_box(work);
}

/// A folder for callgrind's files. Dropping it deletes it; after a kill it is left in the temporary folder.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hopline-gate-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // what cannot be deleted does no harm in a temporary folder
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

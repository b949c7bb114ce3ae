//! Instructions, counted by valgrind's callgrind.

use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hopline_core::Clock;

use crate::{Case, Result, Work};

/// The argument by which a program runs all cases for the simulator.
pub const ARGUMENT: &str = "--simulated";

/// The function whose calls callgrind counts one by one, by its name in the program.
const COUNTED: &str = "hopline_gate::simulated::counted";

/// What one operation of a case takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Instructions {
    /// On the thread that does it.
    pub thread: f64,
    /// On all threads, with what it leaves to those behind it.
    pub all: f64,
}

/// Runs the case often enough to be warm, then so often as it says, then twice as often: what the two differ by is
/// the operations alone.
pub fn run(case: &Case, clock: &Clock) {
    let mut work = case.make(clock);
    let times = case.operations();
    work.run(2 * times);
    work.settle();
    counted(&mut work, times);
    counted(&mut work, 2 * times);
}

/// What one operation of each case takes, as `program` [runs](run) them when it is called with these arguments.
///
/// # Errors
///
/// If valgrind does not run, or counts other calls than there are cases.
pub fn instructions(
    program: &Path,
    arguments: &[&str],
    cases: &[Case],
) -> Result<Vec<Instructions>> {
    let folder = Folder::make()?;
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--zero-before={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.0.join("calls").display()
        ))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("valgrind: {}\n{said}", output.status).into());
    }
    let counts: Vec<[u64; 2]> = (1..=2 * cases.len())
        .map(|call| folder.totals(call))
        .collect::<Result<_>>()?;
    let of_one = |(case, pair): (&Case, &[[u64; 2]])| {
        let [thread, all] = [0, 1].map(|which| {
            let more = pair[1][which].saturating_sub(pair[0][which]);
            more as f64 / case.operations() as f64
        });
        Instructions { thread, all }
    };
    Ok(cases
        .iter()
        .zip(counts.chunks_exact(2))
        .map(of_one)
        .collect())
}

// not inlined, and not left by a jump: callgrind knows it by its calls and returns
#[inline(never)]
fn counted(work: &mut Work, times: u64) {
    work.run(black_box(times));
    work.settle();
    black_box(work);
}

/// A folder for callgrind's files. Dropping it deletes it; after a kill it is left in the temporary folder.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hopline-gate-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// What callgrind wrote about one call: the sum of the first thread, which made it, and that of all.
    fn totals(&self, call: usize) -> Result<[u64; 2]> {
        let prefix = format!("calls.{call}-");
        let mut totals = [0, 0];
        for file in std::fs::read_dir(&self.0)? {
            let file = file?;
            let name = file.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
                continue;
            };
            let total = total(&file.path())?;
            totals[1] += total;
            if thread.parse() == Ok(1) {
                totals[0] = total;
            }
        }
        if totals[0] == 0 {
            return Err(format!("callgrind counted only {} calls of {COUNTED}", call - 1).into());
        }
        Ok(totals)
    }
}

fn total(file: &Path) -> Result<u64> {
    let text = std::fs::read(file)?;
    let text = String::from_utf8_lossy(&text);
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
    total.ok_or_else(|| format!("{} has no sum", file.display()).into())
}

impl Drop for Folder {
    fn drop(&mut self) {
        // what cannot be deleted does no harm in a temporary folder
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

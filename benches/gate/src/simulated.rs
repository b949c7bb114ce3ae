//! Instructions, counted by valgrind's callgrind.

use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hopline_core::Clock;

use crate::{Case, Result, Work};

/// The argument by which a program runs cases for the simulator: those whose names start with the next argument.
pub const ARGUMENT: &str = "--simulated";

/// The function whose calls callgrind counts one by one, by its name in the program.
const COUNTED: &str = "hopline_gate::simulated::counted";

/// Runs the case until it is warm, then its number of operations, then twice that number: the difference is
/// the operations alone.
pub fn run(case: &Case, clock: &Clock) {
    let mut work = case.make(clock);
    let times = case.operations();
    work.run(2 * times);
    work.settle();
    counted(&mut work, times);
    counted(&mut work, 2 * times);
}

/// Instructions of one operation of each case, as `program` [runs](run) them when it is called with [`ARGUMENT`] and
/// `start`: the cases are those whose names start so. For cases without threads.
///
/// # Errors
///
/// If valgrind does not run, or counts other calls than there are cases.
pub fn instructions(program: &Path, cases: &[Case], start: &str) -> Result<Vec<f64>> {
    let folder = Folder::make()?;
    // a sum for each call, so that one process does for all cases
    let options = [
        format!("--zero-before={COUNTED}"),
        format!("--dump-after={COUNTED}"),
    ];
    callgrind(&folder, &options, program, &[ARGUMENT, start])?;
    let sums: Vec<u64> = (1..=2 * cases.len())
        .map(|call| total(&folder.0.join(format!("{FILE}.{call}"))))
        .collect::<Result<_>>()?;
    let of_one = |(case, sums): (&Case, &[u64])| {
        sums[1].saturating_sub(sums[0]) as f64 / case.operations() as f64
    };
    let each = cases.iter().zip(sums.chunks_exact(2));
    Ok(each.map(of_one).collect())
}

/// Instructions of one operation of a case on the thread that does it, as `program` [runs](run) it when it is called
/// with [`ARGUMENT`] and its name. Other threads may run beside it.
///
/// # Errors
///
/// If valgrind does not run, or counts nothing.
pub fn instructions_beside_threads(program: &Path, case: &Case) -> Result<f64> {
    let folder = Folder::make()?;
    // sums for each call would mix up threads; this one is of all calls, which are for one and for two times as many
    let options = [
        format!("--toggle-collect={COUNTED}"),
        "--separate-threads=yes".to_owned(),
    ];
    callgrind(&folder, &options, program, &[ARGUMENT, case.name()])?;
    let first = folder.0.join(format!("{FILE}-01"));
    let sum = total(&first)?;
    Ok(sum as f64 / (3 * case.operations()) as f64)
}

const FILE: &str = "callgrind";

/// Keeps glibc from copying by `rep movsb`, of which callgrind counts every byte as an instruction: a copy of 4 KB would
/// count as 4000, and on another processor as 130.
const COPIES: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000",
);

fn callgrind(
    folder: &Folder,
    options: &[String],
    program: &Path,
    arguments: &[&str],
) -> Result<()> {
    let file = folder.0.join(FILE);
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .args(options)
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(arguments)
        .env(COPIES.0, COPIES.1)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("valgrind: {}\n{stderr}", output.status).into())
}

/// The sum that callgrind wrote.
///
/// # Errors
///
/// If there is none in the file.
pub fn total(file: &Path) -> Result<u64> {
    let text = std::fs::read(file)
        .map_err(|error| format!("callgrind saw no call of {COUNTED}: {error}"))?;
    let text = String::from_utf8_lossy(&text);
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
    match total {
        None | Some(0) => Err(format!("callgrind counted nothing in {COUNTED}").into()),
        Some(total) => Ok(total),
    }
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
}

impl Drop for Folder {
    fn drop(&mut self) {
        // what cannot be deleted does no harm in a temporary folder
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

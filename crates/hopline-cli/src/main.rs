//! The command `hopline`; `hopline help` lists what it does.
//!
//! Each command is a file with a function `run`. It returns true for exit status 0, false for a finding (1), and an error
//! for wrong usage or input (2); clap exits with 2 for wrong arguments itself.

mod args;
mod assert;
mod assertion;
mod diff;
mod draw;
mod input;
mod plan;
mod print;
mod slo;
mod tail;
mod view;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// Exit status of a command that found something: a failed assertion, a finding of the check, a difference.
/// A script can branch on it, as with `grep` and `diff`.
const FOUND: u8 = 1;
/// Exit status of wrong usage, a file that cannot be read, a viewer that cannot be reached.
const FAILED: u8 = 2;

/// Result of a command.
///
/// The error is printed, not matched, so its type is erased. Its text has what happened and the remedy, as it is all that a
/// user sees.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Runs the command, and makes its result the exit status.
///
/// Results are on standard output; errors and remarks are on standard error, so that a pipe gets results only.
fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::View(options) => view::run(options),
        Command::Print(options) => print::run(&options),
        Command::Tail(options) => tail::run(&options),
        Command::Check(options) => print::check(&options),
        Command::Assert(options) => assert::run(&options),
        Command::Diff(options) => diff::run(&options),
        Command::Why(options) => why::run(&options),
        Command::Slo(options) => slo::run(&options),
        Command::Plan { plan } => plan::run(&plan),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FOUND),
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // a standard error that is closed has no reader
            let _ = draw::error_line(&format!("hopline: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// True if the reader has seen enough, as `head` has.
///
/// That is how a pipeline ends, so the exit status is 0.
///
/// Rust ignores `SIGPIPE`, so a write returns this error where other programs are ended by the signal.
fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

//! The command `hopline`; `hopline help` lists what it does.

mod args;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// Exit status of a command that ran and found something: a failed assertion, a finding of the self-check.
const FOUND: u8 = 1;
/// Exit status of wrong usage, a file that cannot be read, a viewer that cannot be reached.
const FAILED: u8 = 2;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::View(options) => view::run(options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FOUND),
        Err(error) => {
            anstream::eprintln!("hopline: {error}");
            ExitCode::from(FAILED)
        }
    }
}

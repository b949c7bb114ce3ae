//! The program behind `cargo xtask size`; see the library of this package.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

use std::process::ExitCode;

use hopline_size::Result;
use hopline_size::args::{Command, USAGE, parse};
use hopline_size::estimate::Estimate;
use hopline_size::measure::measure;
use hopline_size::simulate::simulate;
use hopline_size::table::table;
use hopline_size::traffic::traffic;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("size: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match parse(&words)? {
        Command::Help => Ok(USAGE.to_owned()),
        Command::Simulate => Ok(simulate(1)?.to_string()),
        Command::Table => Ok(table(measure().await?)?.trim_end().to_owned()),
        Command::Estimate(input) => {
            let traffic = traffic(&input.plan, input.load())?;
            Ok(Estimate::new(&input, measure().await?, traffic).to_string())
        }
    }
}

//! Measures hopline beside other tracing crates.

#![expect(clippy::print_stdout, reason = "a command line tool answers on stdout")]

use std::process::ExitCode;
use std::time::Duration;

use hopline_bench::{
    HELP, MEMORY, Options, Result, TIME, case, measure_all, print_table, print_targets,
};
use hopline_core::Clock;
use hopline_gate::simulated;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hopline-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [TIME, name, milliseconds] => {
            let budget = Duration::from_millis(milliseconds.parse()?);
            println!("{}", hopline_bench::time(&case(name)?, budget));
        }
        [simulated::ARGUMENT, name] => simulated::run(&case(name)?, &Clock::System),
        [MEMORY, who] => println!("{}", hopline_bench::resident_per_span(who)?),
        [.., "--help" | "-h"] => println!("{HELP}"),
        _ => compare(&Options::parse(arguments)?)?,
    }
    Ok(())
}

fn compare(options: &Options) -> Result<()> {
    let results = measure_all(options)?;
    print_table(&results);
    print_targets(&results);
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{:#}\n", results.to_json()))?;
        println!("\nwritten: {}", file.display());
    }
    Ok(())
}

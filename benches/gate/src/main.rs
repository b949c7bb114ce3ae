//! Counts what hopline costs and compares it with the committed numbers.

#![expect(clippy::print_stdout, reason = "a command line tool answers on stdout")]

use std::process::ExitCode;
use std::time::Duration;

use hopline_gate::counted::{Allocations, allocations};
use hopline_gate::numbers::{Numbers, compiler, file};
use hopline_gate::rules::rules;
use hopline_gate::{Case, Result, cases, simulated, soak, test_clock};

const HELP: &str = "\
hopline-gate              compare with the committed numbers of this compiler
hopline-gate --write      write them instead
hopline-gate --only START print the instructions of the cases whose names start so
hopline-gate --soak SECONDS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        [] => gate(false),
        ["--write"] => gate(true),
        ["--soak", seconds] => soak(seconds),
        ["--only", start] => only(start),
        [simulated::ARGUMENT, start] => {
            let clock = test_clock();
            starting(start)
                .iter()
                .for_each(|case| simulated::run(case, &clock));
            Ok(())
        }
        _ => Err(HELP.into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hopline-gate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn soak(seconds: &str) -> Result<()> {
    let seconds = seconds
        .parse()
        .map_err(|_| format!("`{seconds}` is not a number of seconds"))?;
    soak::run(Duration::from_secs(seconds))
}

fn starting(start: &str) -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|case| case.name().starts_with(start));
    cases
}

fn only(start: &str) -> Result<()> {
    let cases = starting(start);
    let instructions = simulated::instructions(&std::env::current_exe()?, &cases, start)?;
    for (case, instructions) in cases.iter().zip(instructions) {
        println!("{:40} {instructions:>12.1}", case.name());
    }
    Ok(())
}

fn gate(write: bool) -> Result<()> {
    let (program, cases, compiler) = (std::env::current_exe()?, cases(), compiler()?);
    let allocations = allocations(&program.with_file_name("hopline-gate-allocations"))?;
    if allocations.len() != cases.len() {
        return Err(
            "hopline-gate-allocations was built of other cases: build the whole package".into(),
        );
    }
    let instructions = simulated::instructions(&program, &cases, "")?;
    let numbers = Numbers::new(&cases, &allocations, &instructions);
    print_table(&cases, &allocations, &numbers);

    let mut wrong = Vec::new();
    for rule in rules(&cases, &allocations, &numbers) {
        let mark = if rule.holds { "ok    " } else { "FAILED" };
        println!("{mark}  {}: {}", rule.says, rule.is);
        wrong.extend((!rule.holds).then_some(rule.says));
    }
    let file = file(&compiler);
    if write {
        std::fs::write(&file, numbers.text(&compiler))?;
        println!("\nwritten: {}", file.display());
    } else if file.is_file() {
        let committed = Numbers::parse(&std::fs::read_to_string(&file)?)?;
        let differences = numbers.differences(&committed);
        println!(
            "\n{} differences from {}",
            differences.len(),
            file.display()
        );
        if !differences.is_empty() {
            println!("(meant? `cargo xtask bench --gate --write` writes the new numbers)");
        }
        wrong.extend(differences);
    } else {
        println!("\nnothing to compare with: there are no numbers of {compiler}");
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n  ").into())
    }
}

fn print_table(cases: &[Case], allocations: &[Allocations], numbers: &Numbers) {
    let width = cases
        .iter()
        .map(|case| case.name().len())
        .max()
        .unwrap_or(0);
    println!(
        "{:width$} {:>6} {:>8} {:>10} {:>9} {:>12}  over",
        "case", "times", "allocs", "bytes", "peak", "instructions"
    );
    for (case, whole) in cases.iter().zip(allocations) {
        let number = numbers.of(case.name());
        println!(
            "{:width$} {:>6} {:>8} {:>10} {:>9} {:>12.1}  {}",
            case.name(),
            case.operations(),
            number.allocations,
            whole.bytes,
            whole.peak,
            number.instructions,
            case.is_over().unwrap_or_default()
        );
    }
    println!();
}

//! One process for each case: what `tracing`, fastrace and OpenTelemetry install is there once in a process.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use hopline_gate::{Case, simulated};
use serde_json::Value;

use crate::results::{Measured, Results};
use crate::{Options, Result, cases, memory, postgres};

/// The argument by which a program times one case.
pub const TIME: &str = "--time";
/// The argument for printing the memory of open traces.
pub const MEMORY: &str = "--memory";
/// The program that counts allocations.
pub const ALLOCATIONS: &str = "hopline-bench-allocations";

/// Measures the selected cases in turn, round by round.
///
/// # Errors
///
/// If a case cannot be measured.
pub fn measure_all(options: &Options) -> Result<Results> {
    let program = std::env::current_exe()?;
    let cases = wanted(options);
    let mut results = Results::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}: {} cases", options.rounds, cases.len());
        for case in &cases {
            let milliseconds = options.milliseconds.to_string();
            let said = output(&program, &[TIME, case.name(), &milliseconds])?;
            let said: Value = serde_json::from_str(&said)?;
            results.of(case).timed(&said)?;
        }
    }
    if options.counts {
        eprintln!("allocations and instructions");
        for case in &cases {
            let said = output(&program.with_file_name(ALLOCATIONS), &[case.name()])?;
            results.of(case).allocated(&serde_json::from_str(&said)?)?;
            for _ in 0..case.is_counted_in() {
                let instructions = simulated::instructions_beside_threads(&program, case)?;
                results.of(case).instructions.push(instructions);
            }
        }
    }
    if options.counts && options.wants(postgres::QUERY) {
        results.beside_query = postgres::beside()?;
    }
    if options.wants(MEMORY_GROUP) {
        for _ in 0..options.rounds {
            for who in memory::WHO {
                let bytes = output(&program, &[MEMORY, who])?.trim().parse()?;
                results.resident.entry(who).or_default().push(bytes);
            }
        }
    }
    Ok(results)
}

const MEMORY_GROUP: &str = "memory";

/// The selected cases, and those that are subtracted from them.
fn wanted(options: &Options) -> Vec<Case> {
    let mut cases = cases();
    let is_asked = |case: &Case| options.wants(case.name());
    let asked: BTreeSet<String> = cases
        .iter()
        .filter(|case| is_asked(case))
        .flat_map(|case| [Some(case.name()), case.is_over()])
        .flatten()
        .map(str::to_owned)
        .collect();
    cases.retain(|case| asked.contains(case.name()));
    cases
}

fn output(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}\n{said}", arguments.join(" "), output.status).into())
}

impl Results {
    fn of(&mut self, case: &Case) -> &mut Measured {
        self.cases
            .entry(case.name().to_owned())
            .or_insert_with(|| Measured::of(case))
    }
}

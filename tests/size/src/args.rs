//! The command line.

use std::str::FromStr;

use hopline_core::SamplingPlan;

use crate::Result;
use crate::traffic::Load;

/// The usage text.
pub const USAGE: &str = "\
cargo xtask size --rps N --spans N --plan TEXT [OPTIONS]

  --rps N           requests a second at which traces begin, in all
  --spans N         spans of a request, in all services
  --plan TEXT       the plan of every service, such as '* 10%; keep errors; budget 50/s'

  --processes N     processes at which traces begin; a budget is of one process (1)
  --services N      services that a request passes (5)
  --errors P%       requests that fail (1%)
  --slow P%         requests that take 2 s; the others take 50 ms (1%)
  --outage SECONDS  the outage for which queues hold spans (60)
  --per-instance N  spans a second for one instance of a collector with one core (10000)

cargo xtask size --table      the table of deploy/SIZING.md
cargo xtask size --simulate   1,000 services under one plan with a budget: the counts from samples beside the true ones";

/// The command to run.
#[derive(Clone, Debug)]
pub enum Command {
    /// One estimate.
    Estimate(Box<Input>),
    /// The committed table.
    Table,
    /// 1,000 services.
    Simulate,
    /// The usage text.
    Help,
}

/// The input of an estimate.
#[derive(Clone, Debug)]
pub struct Input {
    /// Requests a second, in all.
    pub requests: f64,
    /// Spans of a request, in all services.
    pub spans: f64,
    /// The plan of every service.
    pub plan: SamplingPlan,
    /// Processes at which traces begin.
    pub processes: u32,
    /// Services that a request passes.
    pub services: u32,
    /// The part of requests that fail, from 0 to 1.
    pub errors: f64,
    /// The part of requests that are slow, from 0 to 1.
    pub slow: f64,
    /// The outage for which queues hold spans, in seconds.
    pub outage: f64,
    /// Spans a second for one instance of a collector.
    pub per_instance: f64,
}

impl Input {
    /// An input with the defaults of the command line.
    pub fn new(requests: f64, spans: f64, plan: SamplingPlan) -> Self {
        Self {
            requests,
            spans,
            plan,
            processes: 1,
            services: 5,
            errors: 0.01,
            slow: 0.01,
            outage: 60.0,
            per_instance: 10_000.0,
        }
    }

    /// The requests of one process at which traces begin.
    pub fn load(&self) -> Load {
        Load {
            per_second: self.requests / f64::from(self.processes),
            errors: self.errors,
            slow: self.slow,
        }
    }
}

/// Reads the words behind the program's name.
///
/// # Errors
///
/// A word is unknown or given twice, or its value is missing or wrong.
pub fn parse(words: &[&str]) -> Result<Command> {
    match words {
        ["--table"] => return Ok(Command::Table),
        ["--simulate"] => return Ok(Command::Simulate),
        ["--help" | "-h"] => return Ok(Command::Help),
        [] => return Err("--rps, --spans and --plan are missing; see --help".into()),
        _ => {}
    }
    let mut given = Vec::new();
    for pair in words.chunks(2) {
        let name = pair[0];
        if !OPTIONS.contains(&name) {
            return Err(format!("`{name}` is not an option; see --help").into());
        }
        let value = *pair.get(1).ok_or_else(|| format!("{name} takes a value"))?;
        if given.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} is given twice").into());
        }
        given.push((name, value));
    }
    let value = |name: &str| {
        given
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    let needed = |name: &str| value(name).ok_or_else(|| format!("{name} is missing; see --help"));
    let plan = needed("--plan")?
        .parse()
        .map_err(|error| format!("--plan: {error}"))?;
    let mut input = Input::new(
        number("--rps", needed("--rps")?, 1.0, 1e8)?,
        number("--spans", needed("--spans")?, 1.0, 1e5)?,
        plan,
    );
    for (name, value) in given {
        match name {
            "--processes" => input.processes = whole(name, value)?,
            "--services" => input.services = whole(name, value)?,
            "--errors" => input.errors = percent(name, value)?,
            "--slow" => input.slow = percent(name, value)?,
            "--outage" => input.outage = number(name, value, 0.0, 86_400.0)?,
            "--per-instance" => input.per_instance = number(name, value, 1.0, 1e7)?,
            _ => {}
        }
    }
    Ok(Command::Estimate(Box::new(input)))
}

const OPTIONS: [&str; 9] = [
    "--rps",
    "--spans",
    "--plan",
    "--processes",
    "--services",
    "--errors",
    "--slow",
    "--outage",
    "--per-instance",
];

/// A number within these bounds.
fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T> {
    let number = text
        .parse()
        .ok()
        .filter(|number| *number >= least && *number <= most);
    number
        .ok_or_else(|| format!("{name} takes a number from {least} to {most}, not `{text}`").into())
}

fn whole(name: &str, text: &str) -> Result<u32> {
    number(name, text, 1, 100_000)
}

/// A part of 1, written with `%`.
fn percent(name: &str, text: &str) -> Result<f64> {
    let digits = text.strip_suffix('%');
    let digits =
        digits.ok_or_else(|| format!("{name} takes a percentage such as 1%, not `{text}`"))?;
    Ok(number(name, digits, 0.0, 100.0)? / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 6] = ["--rps", "1000", "--spans", "6", "--plan", "* 10%"];

    fn with(more: &[&'static str]) -> Vec<&'static str> {
        [&NEEDED[..], more].concat()
    }

    #[test]
    fn options_change_the_defaults() {
        let words = with(&["--processes", "4", "--errors", "2.5%"]);
        let Command::Estimate(input) = parse(&words).unwrap() else {
            panic!("an estimate")
        };
        assert_eq!((input.requests, input.spans), (1000.0, 6.0));
        assert_eq!(input.plan.to_string(), "* 10%");
        assert_eq!((input.processes, input.services), (4, 5));
        assert_eq!((input.errors, input.slow), (0.025, 0.01));
        assert_eq!(input.load().per_second, 250.0);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |words: &[&str]| parse(words).unwrap_err().to_string();
        assert_eq!(
            error(&[]),
            "--rps, --spans and --plan are missing; see --help"
        );
        assert_eq!(error(&NEEDED[..4]), "--plan is missing; see --help");
        assert_eq!(error(&NEEDED[..5]), "--plan takes a value");
        assert_eq!(error(&with(&["--rps", "1"])), "--rps is given twice");
        assert_eq!(
            error(&with(&["--rsp", "1"])),
            "`--rsp` is not an option; see --help"
        );
        assert_eq!(
            error(&with(&["--table"])),
            "`--table` is not an option; see --help"
        );
        let wrong = with(&["--errors", "1"]);
        assert_eq!(
            error(&wrong),
            "--errors takes a percentage such as 1%, not `1`"
        );
        let wrong = with(&["--processes", "0"]);
        assert_eq!(
            error(&wrong),
            "--processes takes a number from 1 to 100000, not `0`"
        );
        let wrong = with(&["--outage", "NaN"]);
        assert_eq!(
            error(&wrong),
            "--outage takes a number from 0 to 86400, not `NaN`"
        );
        let wrong = ["--rps", "1", "--spans", "6", "--plan", "budget"];
        assert!(
            error(&wrong).starts_with("--plan: `budget` at 0:"),
            "{}",
            error(&wrong)
        );
    }
}

//! Options of the command line.

use std::path::PathBuf;

use crate::Result;

/// The options, for the terminal.
pub const HELP: &str = "\
cargo xtask bench [OPTIONS]

  --rounds N       how often each case is timed, in alternation with the others; 5
  --ms N           milliseconds of each timing; 200
  --cases TEXT     only those with this in `group/who`; may be given again
  --no-counts      neither instructions nor allocations, which take most of the time
  --json FILE      where the results go; target/bench.json";

/// The extent of a measurement.
#[derive(Debug)]
pub struct Options {
    pub(crate) rounds: usize,
    pub(crate) milliseconds: u64,
    pub(crate) filters: Vec<String>,
    pub(crate) counts: bool,
    /// The destination of the results.
    pub json: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// Returns an error that names the wrong option.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            rounds: 5,
            milliseconds: 200,
            filters: Vec::new(),
            counts: true,
            json: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} wants a value"))
            };
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--ms" => options.milliseconds = value()?.parse()?,
                "--cases" => options.filters.push(value()?),
                "--no-counts" => options.counts = false,
                "--json" => options.json = Some(value()?.into()),
                _ => return Err(format!("what is `{argument}`?\n\n{HELP}").into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|text| name.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_filter_chooses_by_part_of_a_name() {
        let all = parse("").unwrap();
        assert!(all.wants("anything") && all.counts);
        let some = parse("--cases axum --cases poll/bare --rounds 0 --no-counts").unwrap();
        assert!(some.wants("axum, sampled/fastrace-axum") && some.wants("poll/bare"));
        assert!(!some.wants("poll/hopline") && !some.counts);
        assert_eq!(some.rounds, 1);
    }

    #[test]
    fn what_is_no_option_is_named() {
        for (line, named) in [
            ("--gates", "--gates"),
            ("--ms", "--ms wants"),
            ("--ms x", "invalid digit"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}

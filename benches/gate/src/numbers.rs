//! The numbers of all cases, measured or committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counted::Allocations;
use crate::{Case, Result};

/// The tolerance for instructions against the committed ones: this fraction, or a few for small cases.
const TOLERANCE: f64 = 0.10;
const FEW: f64 = 3.0;

/// Numbers by the names of their cases. Those of a case over another are what it costs more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers(BTreeMap<String, Number>);

/// The costs of one case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Number {
    /// The allocations of all operations of its run together.
    pub allocations: i64,
    /// Instructions of one operation.
    pub instructions: f64,
}

impl Numbers {
    /// Puts together what was measured.
    pub fn new(cases: &[Case], allocations: &[Allocations], instructions: &[f64]) -> Self {
        let measured = cases.iter().zip(allocations).zip(instructions);
        let whole: BTreeMap<&str, Number> = measured
            .map(|((case, allocations), instructions)| {
                let number = Number {
                    allocations: allocations.count as i64,
                    instructions: *instructions,
                };
                (case.name(), number)
            })
            .collect();
        let own = cases.iter().map(|case| {
            let mut number = whole.get(case.name()).copied().unwrap_or_default();
            if let Some(bare) = case.is_over().and_then(|bare| whole.get(bare)) {
                number.allocations -= bare.allocations;
                number.instructions -= bare.instructions;
            }
            (case.name().to_owned(), number)
        });
        Self(own.collect())
    }

    /// Of this case; nothing where there is none.
    pub fn of(&self, case: &str) -> Number {
        self.0.get(case).copied().unwrap_or_default()
    }

    /// The differences from the committed numbers beyond the tolerance, one sentence each.
    pub fn differences(&self, committed: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, is) in &self.0 {
            let Some(was) = committed.0.get(name) else {
                found.push(format!("{name}: not among the committed numbers"));
                continue;
            };
            if is.allocations != was.allocations {
                found.push(format!(
                    "{name}: {} allocations, committed are {}",
                    is.allocations, was.allocations
                ));
            }
            let off = is.instructions - was.instructions;
            if off.abs() > FEW.max(TOLERANCE * was.instructions.abs()) {
                found.push(format!(
                    "{name}: {:.0} instructions, committed are {:.0} ({:+.0} %)",
                    is.instructions,
                    was.instructions,
                    100.0 * off / was.instructions
                ));
            }
        }
        let gone = committed
            .0
            .keys()
            .filter(|name| !self.0.contains_key(*name));
        found.extend(gone.map(|name| format!("{name}: committed, but there is no such case")));
        found
    }

    /// Reads what [`text`](Self::text) writes.
    ///
    /// # Errors
    ///
    /// Names the first line that is no number of a case.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let entries = lines.map(|line| {
            entry(line).ok_or_else(|| {
                format!("`{line}` is not a case, allocations and instructions").into()
            })
        });
        entries.collect::<Result<_>>().map(Self)
    }

    /// As a file.
    pub fn text(&self, compiler: &str) -> String {
        let mut text = format!(
            "# {compiler}; written by `cargo xtask bench --gate --write`\n\
             # case | allocations of all operations | instructions of one\n"
        );
        for (name, number) in &self.0 {
            // writing to a String cannot fail
            let _ = writeln!(
                text,
                "{name} | {} | {:.1}",
                number.allocations, number.instructions
            );
        }
        text
    }
}

fn entry(line: &str) -> Option<(String, Number)> {
    let mut parts = line.split('|').map(str::trim);
    let name = parts.next()?.to_owned();
    let number = Number {
        allocations: parts.next()?.parse().ok()?,
        instructions: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some((name, number))
}

/// The compiler's version and what it compiles for, which decide what the numbers are.
///
/// # Errors
///
/// Returns an error if rustc does not print it.
pub fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-vV").output()?;
    let said = String::from_utf8(said.stdout)?;
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name));
    match (field("release: "), field("host: ")) {
        (Some(release), Some(host)) => Ok(format!("{release}-{host}")),
        _ => Err("rustc -vV prints neither release nor host".into()),
    }
}

/// The file of the committed numbers of a compiler.
pub fn file(compiler: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("numbers");
    folder.join(format!("{compiler}.txt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(entries: &[(&str, i64, f64)]) -> Numbers {
        let number = |allocations, instructions| Number {
            allocations,
            instructions,
        };
        let entries = entries.iter();
        Numbers(
            entries
                .map(|(name, a, i)| ((*name).to_owned(), number(*a, *i)))
                .collect(),
        )
    }

    #[test]
    fn what_is_written_reads_back() {
        let all = numbers(&[
            ("axum/kept, traceparent", 2000, 3736.5),
            ("poll/in span", 0, -1.0),
        ]);
        assert_eq!(Numbers::parse(&all.text("1.95.0")).unwrap(), all);
        assert!(Numbers::parse("poll/in span | 0").is_err());
        assert!(Numbers::parse("poll/in span | 0 | 1 | 2").is_err());
    }

    #[test]
    fn allocations_are_exact_and_instructions_nearly() {
        let committed = numbers(&[("trace/kept/5", 6, 3600.0), ("poll/in span", 0, 20.0)]);
        let near = numbers(&[("trace/kept/5", 6, 3950.0), ("poll/in span", 0, 23.0)]);
        assert_eq!(near.differences(&committed), [""; 0]);
        let far = numbers(&[("trace/kept/5", 7, 3000.0), ("poll/in span", 0, 24.0)]);
        assert_eq!(
            far.differences(&committed),
            [
                "poll/in span: 24 instructions, committed are 20 (+20 %)",
                "trace/kept/5: 7 allocations, committed are 6",
                "trace/kept/5: 3000 instructions, committed are 3600 (-17 %)",
            ]
        );
    }

    #[test]
    fn cases_that_come_and_go_are_named() {
        let (one, other) = (numbers(&[("new", 0, 1.0)]), numbers(&[("old", 0, 1.0)]));
        assert_eq!(
            one.differences(&other),
            [
                "new: not among the committed numbers",
                "old: committed, but there is no such case"
            ]
        );
    }
}

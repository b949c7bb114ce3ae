//! One page about a run.

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::load::Outcome;
use crate::supervisor::PHASES;
use crate::watch::{Sample, median};

#[derive(Debug)]
pub(crate) struct Report {
    length: Duration,
    rounds: u32,
    outcome: Outcome,
    /// Memory, threads and sockets, early and late.
    held: [(&'static str, u64, u64, u64); 3],
    recorded: u64,
    exported: u64,
    twice: u64,
    lost: u64,
    limits: u64,
    complaints: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        length: Duration,
        rounds: u32,
        outcome: Outcome,
        samples: Vec<(usize, Sample)>,
        recorded: &str,
        received: &str,
    ) -> Result<Self> {
        let [count, sum, given, sent, lost, limits] = numbers(recorded)?;
        let [exported, exported_sum, twice] = numbers(received)?;
        let held = held(&samples);
        let mut complaints = Vec::new();
        let mut complain = |wrong: bool, what: String| {
            if wrong {
                complaints.push(what);
            }
        };
        complain(
            count != given,
            format!("{count} spans ended, {given} were given to exporters"),
        );
        complain(
            given != sent + lost,
            format!("of {given} spans {sent} were sent and {lost} lost"),
        );
        complain(
            sent != exported,
            format!("{sent} spans were sent, {exported} arrived"),
        );
        complain(twice > 0, format!("{twice} spans arrived twice"));
        complain(
            lost == 0 && sum != exported_sum,
            "other spans arrived than ended".to_owned(),
        );
        complain(
            count == 0 || outcome.requests == 0,
            "nothing happened".to_owned(),
        );
        for (what, early, late, allowed) in held {
            complain(
                late > early + allowed,
                format!("{what} grew from {early} to {late}"),
            );
        }
        if let Some(error) = outcome.failed.first() {
            let failed = outcome.failed.len();
            complain(
                true,
                format!(
                    "{failed} requests failed while all they needed was there, the first: {error}"
                ),
            );
        }
        Ok(Self {
            length,
            rounds,
            outcome,
            held,
            recorded: count,
            exported,
            twice,
            lost,
            limits,
            complaints,
        })
    }

    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

/// Medians of the time when all is well: after the first round, and in the last one.
fn held(samples: &[(usize, Sample)]) -> [(&'static str, u64, u64, u64); 3] {
    let calm: Vec<&Sample> = samples
        .iter()
        .filter(|(phase, _)| *phase == 0)
        .map(|(_, sample)| sample)
        .collect();
    // the first round warms up
    let third = calm.len() / 3;
    let early = calm.get(third..2 * third).unwrap_or_default();
    let late = calm.get(calm.len() - third..).unwrap_or_default();
    let of = |samples: &[&Sample], value: fn(&Sample) -> u64| {
        median(samples.iter().map(|sample| value(sample)).collect())
    };
    let compare = |what, allowed, value: fn(&Sample) -> u64| {
        (what, of(early, value), of(late, value), allowed)
    };
    [
        compare("memory (KiB)", 16 << 10, |sample| sample.kilobytes),
        compare("threads", 4, |sample| sample.threads),
        compare("sockets", 16, |sample| sample.sockets),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            outcome, recorded, ..
        } = self;
        let minutes = self.length.as_secs_f64() / 60.0;
        writeln!(
            f,
            "# Soak of {minutes:.1} minutes, {} rounds of faults\n",
            self.rounds
        )?;
        writeln!(f, "| requests | |\n|---|---|")?;
        writeln!(f, "| sent | {} |", outcome.requests)?;
        writeln!(
            f,
            "| failed while database and broker were there | {} |",
            outcome.failed.len()
        )?;
        writeln!(
            f,
            "| failed while one of them restarted | {} |\n",
            outcome.failed_in_outages
        )?;
        writeln!(f, "| spans | |\n|---|---|")?;
        writeln!(f, "| ended and kept | {recorded} |")?;
        writeln!(f, "| arrived at the collector | {} |", self.exported)?;
        writeln!(f, "| counted as lost | {} |", self.lost)?;
        writeln!(
            f,
            "| neither | {} |",
            recorded.abs_diff(self.exported + self.lost)
        )?;
        writeln!(f, "| arrived twice | {} |", self.twice)?;
        writeln!(f, "| not recorded for a limit | {} |\n", self.limits)?;
        writeln!(
            f,
            "| held by the five services | early | late |\n|---|---|---|"
        )?;
        for (what, early, late, _) in self.held {
            writeln!(f, "| {what} | {early} | {late} |")?;
        }
        writeln!(
            f,
            "\n| GET /products, by what went on | requests | p50 µs | p95 µs | p99 µs |"
        )?;
        writeln!(f, "|---|---|---|---|---|")?;
        for ((name, ..), latencies) in PHASES.iter().zip(&outcome.latencies) {
            let mut sorted = latencies.clone();
            sorted.sort_unstable();
            let at = |share: f64| {
                let index = (sorted.len() as f64 * share) as usize;
                sorted.get(index).copied().unwrap_or_default()
            };
            let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
            writeln!(f, "| {name} | {} | {p50} | {p95} | {p99} |", sorted.len())?;
        }
        match self.complaints[..] {
            [] => write!(f, "\nPassed."),
            _ => write!(f, "\nFailed: {}.", self.complaints.join("; ")),
        }
    }
}

fn numbers<const N: usize>(line: &str) -> Result<[u64; N]> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    numbers
        .try_into()
        .map_err(|_| format!("{line:?} is not {N} numbers").into())
}

//! Results of measurements.

use std::collections::BTreeMap;

use hopline_gate::Case;
use serde_json::{Value, json};

use crate::Result;
use crate::postgres::Beside;

/// All that was measured, by case.
#[derive(Debug, Default)]
pub struct Results {
    pub(crate) cases: BTreeMap<String, Measured>,
    /// Resident bytes of a span, by who holds it, a number for each round.
    pub(crate) resident: BTreeMap<&'static str, Vec<f64>>,
    /// The cost of a Postgres query besides the instructions of the client.
    pub(crate) beside_query: Option<Beside>,
}

/// The measurements of one case; of times a number for each round, of instructions for each process.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) over: Option<&'static str>,
    pub(crate) wall: Vec<f64>,
    pub(crate) thread: Vec<f64>,
    pub(crate) all: Vec<f64>,
    pub(crate) instructions: Vec<f64>,
    pub(crate) allocations: Option<f64>,
    pub(crate) bytes: Option<f64>,
}

/// The content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Thread,
    All,
    Instructions,
    Allocations,
    Bytes,
}

impl Measured {
    pub(crate) fn of(case: &Case) -> Self {
        Self {
            over: case.is_over(),
            ..Self::default()
        }
    }

    pub(crate) fn timed(&mut self, said: &Value) -> Result<()> {
        self.wall.push(number(said, "wall_ns")?);
        self.thread.push(number(said, "thread_cpu_ns")?);
        self.all.push(number(said, "all_cpu_ns")?);
        Ok(())
    }

    pub(crate) fn allocated(&mut self, said: &Value) -> Result<()> {
        self.allocations = Some(number(said, "allocations")?);
        self.bytes = Some(number(said, "bytes")?);
        Ok(())
    }

    /// The numbers of a metric, of which some have several.
    fn numbers(&self, metric: Metric) -> Vec<f64> {
        match metric {
            Metric::Thread => self.thread.clone(),
            Metric::All => self.all.clone(),
            Metric::Instructions => self.instructions.clone(),
            Metric::Allocations => self.allocations.into_iter().collect(),
            Metric::Bytes => self.bytes.into_iter().collect(),
        }
    }
}

impl Results {
    /// A case's own cost: over another one, what it costs more; of several numbers the median.
    pub(crate) fn value(&self, case: &str, metric: Metric) -> Option<f64> {
        median(self.own(case, metric)?)
    }

    /// The cost of each child: the difference between a trace of five and one of one.
    pub(crate) fn slope(&self, few: &str, many: &str, metric: Metric) -> Option<f64> {
        let (few, many) = (self.own(few, metric)?, self.own(many, metric)?);
        median(
            many.iter()
                .zip(&few)
                .map(|(many, few)| (many - few) / 4.0)
                .collect(),
        )
    }

    fn own(&self, case: &str, metric: Metric) -> Option<Vec<f64>> {
        let measured = self.cases.get(case)?;
        let numbers = measured.numbers(metric);
        let Some(bare) = measured.over else {
            return Some(numbers);
        };
        let bare = self.cases.get(bare)?.numbers(metric);
        if metric == Metric::Instructions {
            // each of another process
            return Some(vec![median(numbers)? - median(bare)?]);
        }
        // of the same round, so that a busy minute is in both
        Some(
            numbers
                .iter()
                .zip(&bare)
                .map(|(own, bare)| own - bare)
                .collect(),
        )
    }

    /// Everything, for a machine.
    pub fn to_json(&self) -> Value {
        let cases = self.cases.iter().map(|(name, of)| {
            let value = json!({
                "over": of.over,
                "wall_ns": of.wall,
                "thread_cpu_ns": of.thread,
                "all_threads_cpu_ns": of.all,
                "instructions": of.instructions,
                "allocations": of.allocations,
                "bytes": of.bytes,
                "own_thread_cpu_ns": self.value(name, Metric::Thread),
                "own_all_threads_cpu_ns": self.value(name, Metric::All),
                "own_instructions": self.value(name, Metric::Instructions),
                "own_allocations": self.value(name, Metric::Allocations),
                "own_bytes": self.value(name, Metric::Bytes),
            });
            (name.clone(), value)
        });
        json!({
            "cases": cases.collect::<serde_json::Map<_, _>>(),
            "resident_bytes_per_span": self.resident,
            "postgres_query_instructions_in_server": self.beside_query.as_ref().map(|beside| beside.in_server),
            "postgres_query_share_outside_kernel": self.beside_query.as_ref().map(|beside| beside.of_programs),
        })
    }
}

fn number(of: &Value, key: &str) -> Result<f64> {
    of[key]
        .as_f64()
        .ok_or_else(|| format!("{of} has no {key}").into())
}

pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len().checked_sub(1)? / 2;
    let pair = [numbers.get(middle)?, numbers.get(numbers.len() / 2)?];
    Some((pair[0] + pair[1]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(over: Option<&'static str>, thread: &[f64]) -> Measured {
        Measured {
            over,
            thread: thread.to_vec(),
            ..Measured::default()
        }
    }

    #[test]
    fn a_cost_over_another_is_taken_round_by_round() {
        let mut results = Results::default();
        results
            .cases
            .insert("bare".into(), measured(None, &[100.0, 900.0, 110.0]));
        results.cases.insert(
            "layer".into(),
            measured(Some("bare"), &[150.0, 955.0, 160.0]),
        );
        assert_eq!(results.value("layer", Metric::Thread), Some(50.0));
        assert_eq!(results.value("bare", Metric::Thread), Some(110.0));
        assert_eq!(results.value("layer", Metric::Bytes), None);
        assert_eq!(results.value("absent", Metric::Thread), None);
    }

    #[test]
    fn instructions_of_several_processes_are_compared_by_their_medians() {
        let mut results = Results::default();
        for (case, over, instructions) in [
            ("bare", None, [900.0, 110.0, 100.0]),
            ("layer", Some("bare"), [155.0, 800.0, 150.0]),
        ] {
            let measured = Measured {
                instructions: instructions.to_vec(),
                ..measured(over, &[])
            };
            results.cases.insert(case.into(), measured);
        }
        assert_eq!(results.value("layer", Metric::Instructions), Some(45.0));
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}

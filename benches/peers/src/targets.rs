//! The targets, each with what was measured.

use crate::Results;
use crate::encoding::PROST;
use crate::names::*;
use crate::ours::clocks;
use crate::results::{Metric, median};

/// What is measured, what it must not exceed, and what it is.
struct Target {
    what: String,
    limit: f64,
    is: Option<f64>,
}

/// Prints each target and whether it was met. One without measurements is no success.
#[expect(clippy::print_stdout, reason = "it is the answer")]
pub fn print(results: &Results) {
    println!("\ntargets");
    let targets = targets(results);
    for target in &targets {
        let mark = match (target.is, target.is_met()) {
            (None, _) => "not measured",
            (_, true) => "met",
            (_, false) => "MISSED",
        };
        let is = target.is.map_or_else(String::new, |is| format!("{is:.2}"));
        println!(
            "  {mark:12} {is:>8} of at most {:>6.2}  {}",
            target.limit, target.what
        );
    }
    let met = targets.iter().filter(|target| target.is_met()).count();
    println!("{met} of {} targets met", targets.len());
}

impl Target {
    fn is_met(&self) -> bool {
        self.is.is_some_and(|is| is <= self.limit)
    }
}

fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    for (who, _) in clocks() {
        targets.extend(of(who, Limits::of(who), results));
    }
    targets
}

/// Limits that depend on the clock.
struct Limits {
    child_of_fastrace: f64,
    child_of_otel: f64,
    discarded_of_fastrace: f64,
}

impl Limits {
    /// A reading of std's clock takes longer than the whole of the rest.
    fn of(who: &str) -> Self {
        if who == HOPLINE_STD {
            Self {
                child_of_fastrace: 0.45,
                child_of_otel: 1.0 / 4.0,
                discarded_of_fastrace: 0.45,
            }
        } else {
            Self {
                child_of_fastrace: 1.0 / 3.0,
                child_of_otel: 1.0 / 6.0,
                discarded_of_fastrace: 0.3,
            }
        }
    }
}

fn of(who: &str, limits: Limits, results: &Results) -> Vec<Target> {
    let value = |group: &str, of: &str, metric| results.value(&name(group, of), metric);
    let child = |of: &str, metric| results.slope(&name(kept(1), of), &name(kept(5), of), metric);
    let ratio = |ours: Option<f64>, theirs: Option<f64>| Some(ours? / theirs?);
    let thread = Metric::Thread;
    let target = |what: &str, limit: f64, is: Option<f64>| Target {
        what: format!("{who}: {what}"),
        limit,
        is,
    };
    let axum = |group| ratio(value(group, who, thread), value(group, FAST_AXUM, thread));
    let beyond_axum = |group| {
        let own = value(group, who, Metric::Allocations)?;
        Some(own - results.value("axum/empty layer", Metric::Allocations)?)
    };
    let resident = |of| median(results.resident.get(of)?.clone());
    vec![
        target(
            "a child with six attributes, thread CPU, share of fastrace's LocalSpan",
            limits.child_of_fastrace,
            ratio(child(who, thread), child(FAST_LOCAL, thread)),
        ),
        target(
            "the same, share of opentelemetry_sdk's",
            limits.child_of_otel,
            ratio(child(who, thread), child(OTEL, thread)),
        ),
        target(
            "the same, instructions",
            600.0,
            child(who, Metric::Instructions),
        ),
        // a batch that is handed over is one allocation for 512 spans
        target(
            "the same, allocations",
            0.01,
            child(who, Metric::Allocations),
        ),
        target(
            "axum, sampled, over bare, share of fastrace-axum",
            0.4,
            axum(AXUM),
        ),
        target(
            "the same, allocations beyond axum's own",
            0.01,
            beyond_axum(AXUM),
        ),
        target(
            "axum, sampled, all threads, with OTLP encoding, share of opentelemetry-instrumentation-tower without",
            0.5,
            ratio(
                value(AXUM, &who.replace(HOPLINE, ENCODED), Metric::All),
                value(AXUM, OTEL_TOWER, Metric::All),
            ),
        ),
        target(
            "axum, not recorded, over bare, share of fastrace-axum",
            0.4,
            axum(AXUM_OFF),
        ),
        target(
            "the same, allocations beyond axum's own",
            0.0,
            beyond_axum(AXUM_OFF),
        ),
        target(
            "root + 5 recorded and discarded, share of fastrace's LocalSpan",
            limits.discarded_of_fastrace,
            ratio(
                value(&discarded(5), who, thread),
                value(&kept(5), FAST_LOCAL, thread),
            ),
        ),
        target(
            "OTLP encoding of a span, share of prost's",
            1.0 / 8.0,
            ratio(value(OTLP, who, thread), value(OTLP, PROST, thread)),
        ),
        target(
            "10,000 traces of 6 spans in flight, resident bytes a span",
            400.0,
            resident(HOPLINE),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Measured;

    #[test]
    fn without_measurements_no_target_is_met() {
        assert!(
            targets(&Results::default())
                .iter()
                .all(|target| !target.is_met())
        );
    }

    #[test]
    fn a_ratio_is_of_the_slopes() {
        let mut results = Results::default();
        for (who, few, many) in [(HOPLINE, 100.0, 260.0), (FAST_LOCAL, 300.0, 700.0)] {
            for (children, time) in [(1, few), (5, many)] {
                let measured = Measured {
                    thread: vec![time],
                    ..Measured::default()
                };
                results.cases.insert(name(kept(children), who), measured);
            }
        }
        let targets = targets(&results);
        assert_eq!(
            targets[0].is,
            Some(0.4),
            "40 of 100 ns a child: {}",
            targets[0].what
        );
        assert!(!targets[0].is_met());
    }
}

//! The targets, each with what was measured.

use crate::Results;
use crate::brokers::{PIPELINED, PIPELINED_BARE, UNCONFIRMED, UNCONFIRMED_BARE};
use crate::encoding::PROST;
use crate::metrics::{
    ADDED, ADDED_OFF, ONE_SERIES, OWN_ATOMICS, PROMETHEUS, SHARED_ATOMICS, TWO_SERIES,
};
use crate::names::*;
use crate::postgres;
use crate::results::{Metric, median};

/// A target: the quantity, its limit, and the measured value.
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
    fn new(what: impl Into<String>, limit: f64, is: Option<f64>) -> Self {
        Self {
            what: what.into(),
            limit,
            is,
        }
    }

    fn is_met(&self) -> bool {
        self.is.is_some_and(|is| is <= self.limit)
    }
}

fn targets(results: &Results) -> Vec<Target> {
    let mut targets = of_clock(HOPLINE, &TSC, results);
    targets.extend(of_clock(HOPLINE_STD, &STD, results));
    targets.extend(of_any_clock(results));
    targets.extend(of_metrics(results));
    targets.extend(of_bridge(results));
    targets
}

/// The targets that depend on the cost of reading the clock.
struct Limits {
    child_of_fastrace: f64,
    child_of_otel: f64,
    discarded_of_fastrace: f64,
}

const TSC: Limits = Limits {
    child_of_fastrace: 1.0 / 3.0,
    child_of_otel: 1.0 / 6.0,
    discarded_of_fastrace: 0.3,
};
const STD: Limits = Limits {
    child_of_fastrace: 0.45,
    child_of_otel: 1.0 / 4.0,
    discarded_of_fastrace: 0.45,
};

fn of_clock(who: &str, limits: &Limits, results: &Results) -> Vec<Target> {
    let thread = Metric::Thread;
    let child = |of| child(results, of, thread);
    let discarded = results.value(&name(discarded(5), who), thread);
    vec![
        Target::new(
            format!(
                "{who}: a child with six attributes, thread CPU, share of fastrace's LocalSpan"
            ),
            limits.child_of_fastrace,
            ratio(child(who), child(FAST_LOCAL)),
        ),
        Target::new(
            format!("{who}: the same, share of opentelemetry_sdk's"),
            limits.child_of_otel,
            ratio(child(who), child(OTEL)),
        ),
        Target::new(
            format!(
                "{who}: root + 5 recorded and discarded, share of fastrace's LocalSpan, which keeps them"
            ),
            limits.discarded_of_fastrace,
            ratio(discarded, results.value(&name(kept(5), FAST_LOCAL), thread)),
        ),
    ]
}

/// The addition of metrics to a request, and two threads that measure at once.
fn of_metrics(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    for (metric, unit) in [
        (Metric::Instructions, "instructions"),
        (Metric::Thread, "thread CPU"),
    ] {
        for theirs in [OTEL_TOWER, PROMETHEUS] {
            let added = |who| results.value(&name(ADDED, who), metric);
            targets.push(Target::new(
                format!("metrics of a sampled request, {unit}, share of {theirs}'s"),
                0.25,
                ratio(added(HOPLINE), added(theirs)),
            ));
        }
    }
    for group in [ADDED, ADDED_OFF] {
        targets.push(Target::new(
            format!("{group}: allocations"),
            0.0,
            results.value(&name(group, HOPLINE), Metric::Allocations),
        ));
    }
    let lost = |shared, own| {
        let shared = results.value(shared, Metric::Thread)?;
        Some(shared - results.value(own, Metric::Thread)?)
    };
    targets.push(Target::new(
        "two threads on one series instead of two, thread CPU lost, share of what two atomics lose",
        1.0,
        ratio(
            lost(ONE_SERIES, TWO_SERIES),
            lost(SHARED_ATOMICS, OWN_ATOMICS),
        ),
    ));
    targets
}

/// An entered span of `tracing` with six fields, and a log line with ids.
fn of_bridge(results: &Results) -> Vec<Target> {
    let thread = Metric::Thread;
    let child = |of| child(results, of, thread);
    let line = |of| results.value(&name(LINE, of), thread);
    vec![
        Target::new(
            "an entered span of tracing with six fields, share of tracing-opentelemetry's",
            0.2,
            ratio(child(HOPLINE_BRIDGE), child(BRIDGE)),
        ),
        Target::new(
            "the same, of tracing with its registry alone",
            2.0,
            ratio(child(HOPLINE_BRIDGE), child(REGISTRY)),
        ),
        Target::new(
            "a JSON line with ids, of the same without",
            1.05,
            ratio(line(LINE_IDS), line(LINE_PLAIN)),
        ),
    ]
}

fn of_any_clock(results: &Results) -> Vec<Target> {
    let value = |group: &str, who: &str, metric| results.value(&name(group, who), metric);
    let axum = |group| {
        let cost = |who| value(group, who, Metric::Thread);
        ratio(cost(HOPLINE), cost(FAST_AXUM))
    };
    let beyond_axum = |group| {
        let own = value(group, HOPLINE, Metric::Allocations)?;
        Some(own - results.value("axum/empty layer", Metric::Allocations)?)
    };
    let encoded = ratio(
        value(AXUM, ENCODED, Metric::All),
        value(AXUM, OTEL_TOWER, Metric::All),
    );
    let otlp = |who| value(OTLP, who, Metric::Thread);
    let resident = results.resident.get(HOPLINE).cloned().and_then(median);
    vec![
        Target::new(
            "a child, instructions",
            600.0,
            child(results, HOPLINE, Metric::Instructions),
        ),
        // a batch that is handed over is one allocation for 512 spans
        Target::new(
            "a child, allocations",
            0.01,
            child(results, HOPLINE, Metric::Allocations),
        ),
        Target::new(
            "axum, sampled, over bare, share of fastrace-axum",
            0.4,
            axum(AXUM),
        ),
        Target::new(
            "the same, allocations beyond axum's own",
            0.01,
            beyond_axum(AXUM),
        ),
        Target::new(
            "the same, all threads, with OTLP encoding, share of opentelemetry-instrumentation-tower without",
            0.5,
            encoded,
        ),
        Target::new(
            "axum, not recorded, over bare, share of fastrace-axum",
            0.4,
            axum(AXUM_OFF),
        ),
        Target::new(
            "the same, allocations beyond axum's own",
            0.0,
            beyond_axum(AXUM_OFF),
        ),
        Target::new(
            "OTLP encoding of a span, share of prost's",
            1.0 / 8.0,
            ratio(otlp(HOPLINE), otlp(PROST)),
        ),
        Target::new(
            "a Postgres query, recorded: percent of the instructions of client and server, without the kernel's",
            2.0,
            of_query(results, postgres::QUERY, postgres::BARE),
        ),
        Target::new(
            "the same, not recorded",
            1.0,
            of_query(results, postgres::QUERY_OFF, postgres::BARE_OFF),
        ),
        Target::new(
            "recorded: percent of the processor time of client, server and kernel",
            2.0,
            of_time(results, postgres::QUERY, postgres::BARE),
        ),
        Target::new(
            "a publish without confirms, recorded, instructions, share of lapin's",
            1.15,
            ratio(
                value(UNCONFIRMED, HOPLINE, Metric::Instructions),
                results.value(UNCONFIRMED_BARE, Metric::Instructions),
            ),
        ),
        Target::new(
            "publishes under way together, recorded, time of all threads, share of lapin's",
            1.3,
            ratio(
                value(PIPELINED, HOPLINE, Metric::All),
                results.value(PIPELINED_BARE, Metric::All),
            ),
        ),
        Target::new(
            "10,000 traces of 6 spans in flight, resident bytes a span",
            400.0,
            resident,
        ),
    ]
}

/// The addition of tracing to a query, in percent of the instructions of client and server without it.
fn of_query(results: &Results, group: &str, bare: &str) -> Option<f64> {
    let added = results.value(&postgres::ours(group), Metric::Instructions)?;
    let bare = results.value(bare, Metric::Instructions)?;
    Some(100.0 * added / (bare + results.beside_query.as_ref()?.in_server))
}

/// The same of the time of these two and the kernel, if each of their instructions takes as long as the others.
fn of_time(results: &Results, group: &str, bare: &str) -> Option<f64> {
    Some(of_query(results, group, bare)? * results.beside_query.as_ref()?.of_programs)
}

/// The slope from a trace of one child to one of five.
fn child(results: &Results, who: &str, metric: Metric) -> Option<f64> {
    results.slope(&name(kept(1), who), &name(kept(5), who), metric)
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    Some(ours? / theirs?)
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

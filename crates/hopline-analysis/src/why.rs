//! The operations that make slow traces slower than typical ones.

use std::collections::BTreeMap;
use std::fmt;

use hopline_core::export::SpanData;

use crate::describe::label;
use crate::percentile::{duration, percentile};
use crate::table;
use crate::trace::{Trace, traces};

/// The critical paths of slow traces compared with those of typical traces with the same root. Times are in nanoseconds.
///
/// Prints as a table:
///
/// ```text
/// POST /orders of orders: 400 traces; typical 6.8 ms (mean of 200), slow 61 ms (mean of 4)
/// service  operation                  typical    slow  of the difference
/// orders   db.query  UPDATE stock      0.9 ms   52 ms               94 %
/// orders   POST /orders                2.1 ms  4.0 ms                4 %
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Why {
    /// The service and label of the root.
    pub root: (String, String),
    /// Number of traces.
    pub traces: usize,
    /// Traces up to the median.
    pub typical: Group,
    /// Traces from the 99th percentile on.
    pub slow: Group,
    /// The largest difference first.
    pub operations: Vec<Operation>,
}

/// Some of the traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Number of traces.
    pub traces: usize,
    /// Mean duration of the root.
    pub duration: u64,
}

/// The spans of one service and label on the critical path.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// The service.
    pub service: String,
    /// The label.
    pub name: String,
    /// Mean time on the critical path of a typical trace.
    pub typical: u64,
    /// Mean time on the critical path of a slow trace.
    pub slow: u64,
    /// Its share of the whole difference; negative if it is shorter in slow traces.
    pub share: f64,
}

/// Compares slow traces with typical ones, for each root operation by itself: the one with most traces first.
///
/// # Examples
///
/// ```
/// use hopline_analysis::why::by_root;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut spans = Vec::new();
/// for number in 1..=100 {
///     let trace = TraceId::from_u128(number).unwrap();
///     let mut root = SpanData::new("GET /orders", trace, SpanId::from_u64(1).unwrap());
///     let mut query = SpanData::new("db.query", trace, SpanId::from_u64(2).unwrap());
///     query.parent = Some(root.span_id);
///     query.end_unix_nanos = if number == 100 { 90_000_000 } else { 1_000_000 };
///     root.end_unix_nanos = query.end_unix_nanos + 1_000_000;
///     spans.extend([root, query]);
/// }
/// let why = &by_root(&spans)[0];
/// assert_eq!(why.operations[0].name, "db.query");
/// assert_eq!(why.operations[0].share, 1.0);
/// ```
pub fn by_root(spans: &[SpanData]) -> Vec<Why> {
    let traces = traces(spans);
    let mut by_root: BTreeMap<(String, String), Vec<&Trace<'_>>> = BTreeMap::new();
    for trace in &traces {
        if let Some(root) = trace.roots().next() {
            by_root
                .entry((root.service().to_owned(), label(root)))
                .or_default()
                .push(trace);
        }
    }
    let mut found: Vec<Why> = by_root
        .into_iter()
        .map(|(root, traces)| Why::new(root, &traces))
        .collect();
    found.sort_by_key(|why| std::cmp::Reverse(why.traces));
    found
}

/// Mean time on the critical path, in nanoseconds, by service and label.
type ByOperation = BTreeMap<(String, String), u64>;

impl Why {
    /// Compares the traces of one root.
    ///
    /// Typical traces are those up to the median, slow ones those from the 99th percentile on. The critical path and not the
    /// sum of durations is compared, so parallel work that no request waits for does not appear.
    fn new(root: (String, String), traces: &[&Trace<'_>]) -> Self {
        let mut durations: Vec<u64> = traces.iter().map(|trace| root_nanos(trace)).collect();
        let (median, p99) = (
            percentile(&mut durations, 0.5),
            percentile(&mut durations, 0.99),
        );
        let (typical, typical_by) =
            group(traces.iter().filter(|trace| root_nanos(trace) <= median));
        let (slow, slow_by) = group(traces.iter().filter(|trace| root_nanos(trace) >= p99));
        let whole = slow.duration.saturating_sub(typical.duration);
        let keys: std::collections::BTreeSet<_> = typical_by.keys().chain(slow_by.keys()).collect();
        let mut operations: Vec<Operation> = keys
            .into_iter()
            .map(|key| {
                let of = |by: &ByOperation| by.get(key).copied().unwrap_or_default();
                let (typical, slow) = (of(&typical_by), of(&slow_by));
                let difference = slow as f64 - typical as f64;
                let (service, name) = key.clone();
                Operation {
                    service,
                    name,
                    typical,
                    slow,
                    share: if whole == 0 {
                        0.0
                    } else {
                        difference / whole as f64
                    },
                }
            })
            .collect();
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.delta()));
        Self {
            root,
            traces: traces.len(),
            typical,
            slow,
            operations,
        }
    }
}

impl Operation {
    /// The time that a slow trace spends here beyond a typical one, in nanoseconds. Negative if it spends less.
    pub fn delta(&self) -> i64 {
        self.slow as i64 - self.typical as i64
    }
}

/// The group, and the mean time of each operation on its critical paths.
fn group<'t>(traces: impl Iterator<Item = &'t &'t Trace<'t>>) -> (Group, ByOperation) {
    let (mut count, mut nanos) = (0, 0u128);
    let mut sums: BTreeMap<(String, String), u128> = BTreeMap::new();
    for trace in traces {
        count += 1;
        nanos += u128::from(root_nanos(trace));
        for segment in trace.critical_path() {
            let key = (segment.span.service().to_owned(), label(segment.span));
            *sums.entry(key).or_default() += u128::from(segment.nanos());
        }
    }
    let mean = |sum: u128| (sum / (count.max(1) as u128)) as u64;
    let group = Group {
        traces: count,
        duration: mean(nanos),
    };
    (
        group,
        sums.into_iter()
            .map(|(key, sum)| (key, mean(sum)))
            .collect(),
    )
}

/// The duration of a trace's first root, in nanoseconds.
fn root_nanos(trace: &Trace<'_>) -> u64 {
    trace.roots().next().map_or(0, SpanData::duration_nanos)
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, name) = &self.root;
        let shown = |text| hopline_core::text::shown(text, crate::NAME);
        writeln!(
            f,
            "{} of {}: {} traces; typical {} (mean of {}), slow {} (mean of {})",
            shown(name),
            shown(service),
            self.traces,
            duration(self.typical.duration),
            self.typical.traces,
            duration(self.slow.duration),
            self.slow.traces,
        )?;
        let row = |operation: &Operation| {
            vec![
                operation.service.clone(),
                operation.name.clone(),
                duration(operation.typical),
                duration(operation.slow),
                format!("{:.0} %", operation.share * 100.0),
            ]
        };
        let rows: Vec<Vec<String>> = self.operations.iter().map(row).collect();
        table::write(
            f,
            &[
                "service ",
                "operation ",
                "typical",
                "slow",
                "of the difference",
            ],
            &rows,
        )
    }
}

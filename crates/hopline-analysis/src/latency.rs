//! Where the time of all requests went.

use std::collections::BTreeMap;
use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::semconv;

use crate::percentile::{duration, percentile};
use crate::trace::traces;
use crate::{describe, table};

/// Where the time went, hop by hop: the largest share of the critical paths first.
///
/// Prints as a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// One entry for each service and span name.
    pub hops: Vec<HopLatency>,
}

/// The spans of one name in one service. Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HopLatency {
    /// The service.
    pub service: String,
    /// The span's name, with the statement's summary or the destination beside it.
    pub name: String,
    /// How many spans there were.
    pub count: usize,
    /// How many of them failed.
    pub errors: usize,
    /// How long half of them took at most.
    pub p50: u64,
    /// How long 95 % of them took at most.
    pub p95: u64,
    /// How long the slowest took.
    pub max: u64,
    /// What they did themselves, together.
    pub self_time: u64,
    /// What requests waited for them, together: their part of the critical paths.
    pub critical: u64,
    /// That as a share of all critical paths, 0 to 1.
    pub critical_share: f64,
}

/// Adds up where the time of these spans' traces went.
pub fn latency(spans: &[SpanData]) -> Latency {
    let mut hops: BTreeMap<(String, String), (HopLatency, Vec<u64>)> = BTreeMap::new();
    let mut all_critical = 0;
    for trace in traces(spans) {
        let critical = trace.critical_nanos();
        for (index, span) in trace.spans().iter().enumerate() {
            let key = (span.service().to_owned(), describe::label(span));
            let (hop, durations) = hops.entry(key).or_default();
            hop.count += 1;
            hop.errors += usize::from(span.is_error());
            hop.self_time += trace.self_time(index);
            hop.critical += critical[index];
            all_critical += critical[index];
            durations.push(span.duration_nanos());
        }
    }
    let finished = hops
        .into_iter()
        .map(|((service, name), (hop, mut durations))| HopLatency {
            service,
            name,
            p50: percentile(&mut durations, 0.5),
            p95: percentile(&mut durations, 0.95),
            max: durations.last().copied().unwrap_or_default(),
            critical_share: if all_critical == 0 {
                0.0
            } else {
                hop.critical as f64 / all_critical as f64
            },
            ..hop
        });
    let mut hops: Vec<HopLatency> = finished.collect();
    hops.sort_by_key(|hop| std::cmp::Reverse(hop.critical));
    Latency { hops }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self.hops.iter().map(HopLatency::row).collect();
        table::write(
            f,
            &[
                "service ",
                "span ",
                "count",
                "errors",
                "p50",
                "p95",
                "max",
                "self",
                "critical path",
            ],
            &rows,
        )
    }
}

impl HopLatency {
    fn row(&self) -> Vec<String> {
        vec![
            self.service.clone(),
            self.name.clone(),
            self.count.to_string(),
            self.errors.to_string(),
            duration(self.p50),
            duration(self.p95),
            duration(self.max),
            duration(self.self_time),
            format!("{:.0} %", self.critical_share * 100.0),
        ]
    }
}

/// What a database span talks to.
pub(crate) fn database(span: &SpanData) -> Option<String> {
    let system = span.text(semconv::DB_SYSTEM_NAME)?;
    Some(match span.text(semconv::DB_NAMESPACE) {
        Some(namespace) => format!("{system} {namespace}"),
        None => system.to_owned(),
    })
}
